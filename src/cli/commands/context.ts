import { systemClock } from '../../base/clock.ts';
import type { ContextView, SearchHitView } from '../../control/context-views.ts';
import type { VectorState } from '../../search/context-search.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { oneLine, printable, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { textTable } from '../text-table.ts';

/** Characters of a content in the list; `context show` has the rest. */
const excerptChars = 160;
/** More than anybody reads. */
const maxHits = 100;

export const list: CommandRun<'context list'> = async (args, { daemon, cwd }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon.call('context.list', {
    agent,
    ...(args.all && args.path === undefined ? {} : { cwd }),
    ...(args.path === undefined ? {} : { path: args.path }),
    ...(args.tag === undefined ? {} : { tag: args.tag }),
    ...(args.limit === undefined ? {} : { limit: args.limit }),
  });
  return {
    data,
    notices,
    text: (screen) =>
      data.contexts.length === 0
        ? 'no shared context\n'
        : contextTable(data.contexts, { head: 'TAGS', cell: ({ tags }) => tags.join(', ') }, screen),
  };
};

export const show: CommandRun<'context show'> = async (args, { daemon }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon.call('context.show', { id: args.id, agent });
  const { context } = data;
  return {
    data,
    notices,
    text: (screen) => {
      const metadata = Object.keys(context.metadata).length === 0 ? undefined : context.metadata;
      const head = labelled(
        [
          ['id', context.id],
          ['path', oneLine(context.path)],
          ['project', oneLine(context.project)],
          ['agent', oneLine(context.agent)],
          ['supersedes', context.supersedes],
          ['shared', showTime(context.time, systemClock.wallMs())],
          ['tags', context.tags.length === 0 ? undefined : oneLine(context.tags.join(', '))],
          ['metadata', metadata && oneLine(JSON.stringify(metadata))],
        ],
        screen,
      );
      return `${head}\n${printable(context.content).trimEnd()}\n`;
    },
  };
};

export const search: CommandRun<'context search'> = async (args, { daemon, cwd }) => {
  const { id: agent } = agentIdentity(args.agent);
  const { data, notices } = await daemon.call('context.search', {
    query: args.words.join(' '),
    agent,
    ...(args.all && args.path === undefined ? {} : { cwd }),
    ...(args.path === undefined ? {} : { path: args.path }),
    ...(args.limit === undefined ? {} : { limit: Math.min(args.limit, maxHits) }),
  });
  return {
    data,
    notices,
    text: async (screen) => {
      const { hits, vectors } = data;
      const table =
        hits.length === 0
          ? 'no shared context speaks of it\n'
          : await contextTable(hits, { head: 'WHY', cell: whyFound }, screen);
      return `${table}${vectorsText(vectors)}`;
    },
  };
};

function whyFound({ matched, supersededBy }: SearchHitView): string {
  const why = matched.length === 0 ? 'by meaning' : matched.join(', ');
  return supersededBy === undefined ? why : `${why}; superseded by ${shortId(supersededBy)}`;
}

/** A sentence where the search could not go by meaning for all that there is. */
function vectorsText({ model, embedded, entries, problem }: VectorState): string {
  if (model === null || (embedded === entries && problem === undefined)) return '';
  const why = problem === undefined ? 'the rest follows' : oneLine(problem);
  return `by meaning: ${embedded} of ${entries} contexts so far, by words: all (${why})\n`;
}

/** Contexts with a column of the command's own. */
function contextTable<T extends Pick<ContextView, 'id' | 'path' | 'content' | 'agent' | 'time'>>(
  contexts: readonly T[],
  own: { readonly head: string; readonly cell: (context: T) => string },
  screen: Screen,
): Promise<string> | string {
  const nowMs = systemClock.wallMs();
  return textTable<T>(
    [
      { head: 'ID', cell: (it) => shortId(it.id) },
      { head: 'PATH', cell: (it) => it.path, wraps: true },
      { head: 'CONTENT', cell: (it) => oneLine(it.content, excerptChars), wraps: true },
      { ...own, wraps: true },
      { head: 'AGENT', cell: (it) => it.agent, wraps: true },
      { head: 'SHARED', cell: (it) => showTime(it.time, nowMs) },
    ],
    contexts,
    screen,
  );
}

/** The end of the node's id is enough to type: `…bX4Kq9Zr:7`. The daemon takes any end that fits one node. */
export function shortId(id: string): string {
  const [source = '', seq = ''] = id.split(':');
  return `${source.slice(-8)}:${seq}`;
}
