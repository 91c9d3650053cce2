/** Words that are there just now: from the daemon, if one runs, the data directory and the settings. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { agentFromEnvironment, completionWaitMs } from '../../base/environment.ts';
import type { ControlClient } from '../../control/client.ts';
import type { OperationInput, OperationName } from '../../control/operations.ts';
import type { LockView, OperationResult } from '../../control/results.ts';
import { homePaths } from '../../home/home-paths.ts';
import type { WordSource } from '../command-spec.ts';
import { controlAddress, readDaemonAddress } from '../daemon-address.ts';
import { settingWords } from './setting-words.ts';
import type { Candidate, WantedWord } from './wanted-word.ts';

export interface Surroundings {
  readonly home: string;
  readonly cwd: string;
}

/** With the start of the program this makes a second, which is what a person waits for a shell to complete. */
const answerWithinMs = 800;
/** More than fit on a screen. */
const maxWords = 200;
const nodeEndChars = 8;

/** Paths are the shell's own business: it knows `~`, directories and how to go on after one. */
export type LiveWords = readonly Candidate[] | 'files';

/** Never throws: a daemon that is away, hangs or refuses has nothing to offer. Starts none. */
export async function liveWords(
  source: WordSource,
  wanted: WantedWord,
  { home, cwd }: Surroundings,
): Promise<LiveWords> {
  const asked = new Asked(home);
  try {
    return await sources[source](asked, wanted, { home, cwd });
  } catch {
    // Whatever it is, this is no moment to tell: the person is typing.
    return [];
  } finally {
    asked.close();
  }
}

/** The daemon, when one runs. */
class Asked {
  readonly #home: string;
  #client: ControlClient | undefined;

  constructor(home: string) {
    this.#home = home;
  }

  /** Without the agent: what it must be told would be told to nobody. */
  async call<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
  ): Promise<OperationResult<Name>> {
    const address = readDaemonAddress(this.#home);
    if (address === undefined) throw new Error('no daemon runs');
    const { ControlClient } = await import('../../control/client.ts');
    this.#client ??= new ControlClient(controlAddress(address));
    return (await this.#client.call(name, input, { timeoutMs: completionWaitMs() ?? answerWithinMs })).data;
  }

  close(): void {
    this.#client?.close();
  }
}

type Source = (asked: Asked, wanted: WantedWord, around: Surroundings) => Promise<LiveWords>;

const sources: Readonly<Record<WordSource, Source>> = {
  agent: async (asked) => {
    const { locks, waiters } = await asked.call('lock.list', {});
    const own = agentFromEnvironment();
    return [
      ...(own === undefined ? [] : [{ value: own, about: 'you' }]),
      ...locks.map(({ holder, targets }) => ({ value: holder, about: `holds ${textsOf(targets)}` })),
      ...waiters.map(({ agent, targets }) => ({ value: agent, about: `waits for ${textsOf(targets)}` })),
    ];
  },
  backup: (_asked, _wanted, { home }) => backups(homePaths(home).backups),
  client: async (_asked, { text }) => clientWords(text),
  context: async (asked, { text }, { cwd }) => {
    const { contexts } = await asked.call('context.list', { cwd, limit: maxWords });
    return contexts.map(({ id, path, content }) => ({
      // The end of the node's id is enough and easier to read, unless somebody has begun to type the whole.
      value: text !== '' && id.startsWith(text) ? id : endOf(id),
      about: `${path}: ${content}`,
    }));
  },
  interest: async (asked, { given }, { cwd }) => {
    const holder = given.get('agent') ?? agentFromEnvironment();
    const { interests } = await asked.call('interest.list', {
      cwd,
      ...(holder === undefined ? {} : { holder }),
    });
    return interests.flatMap(({ agent, patterns }) => patterns.map((value) => ({ value, about: agent })));
  },
  invite: async (asked) =>
    (await asked.call('cluster.invites', {})).invites.map(({ id, state, expiresAt }) => ({
      value: id,
      about: state === 'open' ? `open until ${expiresAt}` : state,
    })),
  lock: async (asked, { given }) => {
    const own = given.get('agent') ?? agentFromEnvironment();
    const { locks } = await asked.call('lock.list', {});
    const isOwn = ({ holder }: LockView) => Number(holder === own);
    return locks
      .toSorted((a, b) => isOwn(b) - isOwn(a))
      .map(({ id, targets, holder, intention }) => ({
        value: id,
        about: `${textsOf(targets)}, ${holder}: ${intention}`,
      }));
  },
  node: async (asked) =>
    (await asked.call('peers.list', {})).peers.map(({ node, name, state }) => ({
      value: node.slice(-nodeEndChars),
      about: `${name}, ${state}`,
    })),
  path: async () => 'files',
  peer: async (asked) => {
    const { peers } = await asked.call('peers.list', {});
    const others = peers.filter(({ state }) => state !== 'self' && state !== 'left' && state !== 'evicted');
    return others.map(({ node, name, state }) => {
      const isClear = isTypable(name) && others.filter((one) => one.name === name).length === 1;
      const end = node.slice(-nodeEndChars);
      return isClear
        ? { value: name, about: `${state}, …${end}` }
        : { value: end, about: `${name}, ${state}` };
    });
  },
  setting: async () => Object.keys(settingWords).map((value) => ({ value })),
  'setting-value': async (_asked, { given }) => valuesOf(given.get('key') ?? ''),
  tag: async (asked, _wanted, { cwd }) => {
    const { contexts } = await asked.call('context.list', { cwd, limit: maxWords });
    return contexts.flatMap(({ tags, path }) => tags.map((value) => ({ value, about: path })));
  },
  // Behind a colon or a number sign stand lines or a symbol, of which the shell has no list.
  target: async (_asked, { text }) => (/[:#][^/]*$/.test(text) ? [] : 'files'),
};

/** What stands in a directory of backups and was finished; the newest first, as their names sort by time. */
async function backups(directory: string): Promise<readonly Candidate[]> {
  const names = (await readdir(directory)).toSorted().toReversed().slice(0, maxWords);
  const made = await Promise.all(
    names.map((name) => stat(join(directory, name, manifestFile)).catch(() => undefined)),
  );
  return names.flatMap((value, at) => {
    const manifest = made[at];
    return manifest === undefined ? [] : [{ value, about: `made ${manifest.mtime.toISOString()}` }];
  });
}

/** As backup/manifest.ts names it, whose loading costs more than the answer. A test makes a real backup. */
const manifestFile = 'manifest.json';

const clients = ['claude', 'codex', 'cursor', 'gemini', 'vscode', 'git', 'status'];

/** Several may be named with commas between them. */
function clientWords(text: string): readonly Candidate[] {
  const before = text.slice(0, text.lastIndexOf(',') + 1);
  const named = before.split(',');
  return clients.filter((name) => !named.includes(name)).map((name) => ({ value: before + name }));
}

function valuesOf(key: string): readonly Candidate[] {
  const words = Object.hasOwn(settingWords, key) ? settingWords[key as keyof typeof settingWords] : [];
  return words.map((value) => ({ value }));
}

/** Whether a person can give the text as one argument: control characters cannot be typed. */
export function isTypable(text: string): boolean {
  return text !== '' && !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text);
}

function textsOf(targets: LockView['targets']): string {
  return targets.map(({ text }) => text).join(', ');
}

function endOf(id: string): string {
  const [source = '', seq = ''] = id.split(':');
  return `${source.slice(-nodeEndChars)}:${seq}`;
}
