import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { closestKey } from '../../base/closest-key.ts';
import { userHome } from '../../base/environment.ts';
import { CollabError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../home/atomic-file.ts';
import { loadConfig, updateConfig } from '../../home/config-file.ts';
import { homePaths } from '../../home/home-paths.ts';
import { getSetting, setSetting } from '../../home/settings.ts';
import { type Client, clientNames, clientsIn, type SetupEntries } from '../../setup/clients.ts';
import { planGitHooks } from '../../setup/git-hooks.ts';
import { type ClientReport, failed, inspect, isInstalled, plan, report, write } from '../../setup/set-up.ts';
import { verifyHook, verifyServer } from '../../setup/verify-client.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { diffText } from '../diff-text.ts';
import { ownProgram } from '../own-program.ts';
import { printable, type Screen } from '../screen.ts';

export const setup: CommandRun<'setup'> = async (args, context) => {
  const words = (args.clients ?? '').split(',').filter((word) => word !== '');
  if (words.includes('status'))
    return status(
      words.filter((word) => word !== 'status'),
      context,
    );
  const isGit = words.includes('git');
  const names = words.filter((word) => word !== 'git');
  const clients = isGit && names.length === 0 ? [] : await chosen(names);
  if (clients.length === 0 && !isGit) {
    throw new CollabError('SETUP_FAILED', 'no agent client was found', {
      next: `Name one: agent-collab setup ${clientNames.join('|')}.`,
    });
  }
  const options = { dryRun: args['dry-run'], remove: args.remove };
  const entries = args.remove ? undefined : await entriesFor(context, clients, args.command, args['dry-run']);
  const done = await Promise.all(clients.map((client) => connect(client, entries, context, options)));
  if (isGit) done.push(await connectGit(context, options));
  if (done.every(({ view }) => view.state === 'failed')) throw allFailed(done.map(({ view }) => view));
  return {
    data: { clients: done.map(({ view }) => view), dryRun: args['dry-run'], removed: args.remove },
    text: (screen) => done.map(({ view, diff }) => reportText(view, screen) + diff(screen)).join(''),
  };
};

interface Done {
  readonly view: Omit<ClientReport, 'client'> & { readonly client: string };
  /** What a dry run would change. */
  readonly diff: (screen: Screen) => string;
}

interface Options {
  readonly dryRun: boolean;
  readonly remove: boolean;
}

const noDiff = () => '';

async function connect(
  client: Client,
  entries: SetupEntries | undefined,
  { cwd }: CommandContext,
  { dryRun, remove }: Options,
): Promise<Done> {
  try {
    const files = await plan(client, entries);
    const view = report(client, remove ? 'absent' : 'connected', files);
    if (dryRun)
      return {
        view,
        diff: (screen) => files.map((file) => diffText(file, entries?.http?.token, screen)).join(''),
      };
    await write(files);
    if (entries !== undefined) {
      await verifyServer(entries, cwd);
      if (client.name === 'claude') await verifyHook(entries, cwd);
    }
    return { view, diff: noDiff };
  } catch (error) {
    return { view: failed(client, error), diff: noDiff };
  }
}

async function connectGit({ cwd }: CommandContext, { dryRun, remove }: Options): Promise<Done> {
  const files = await planGitHooks(cwd, remove ? undefined : `${ownProgram().shell} hook`);
  for (const { path, before, after } of dryRun ? [] : files) {
    if (before === after) continue;
    if (after === '') await rm(path, { force: true });
    else {
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, after, { mode: 0o755 });
      await chmod(path, 0o755);
    }
  }
  const state = remove ? 'absent' : 'connected';
  const changes = files.map(({ path, before, after }) => ({
    path,
    what: 'hooks' as const,
    changes: before !== after,
  }));
  const view = { client: 'git', title: 'git commits', state, files: changes } as const;
  return {
    view,
    diff: dryRun ? (screen) => files.map((file) => diffText(file, undefined, screen)).join('') : noDiff,
  };
}

/** How the named clients, or all that are installed, stand. Changes nothing. */
export async function clientReports(
  words: readonly string[],
  context: CommandContext,
): Promise<readonly ClientReport[]> {
  const entries = await entriesFor(context, [], false, true);
  const clients = await chosen(words);
  return Promise.all(
    clients.map(async (client) => {
      const withHttp = await inspect(client, entries);
      if (withHttp.state !== 'drifted' || client.name !== 'claude') return withHttp;
      // Hooks as commands are as good.
      const { http: _, ...asCommands } = entries;
      const other = await inspect(client, asCommands);
      return other.state === 'connected' ? other : withHttp;
    }),
  );
}

async function status(words: readonly string[], context: CommandContext) {
  const reports = await clientReports(words, context);
  return {
    data: { clients: reports },
    text: (screen: Screen) =>
      reports.length === 0
        ? 'no agent client was found\n'
        : reports.map((one) => reportText(one, screen)).join(''),
  };
}

async function chosen(names: readonly string[]): Promise<readonly Client[]> {
  const all = clientsIn(userHome());
  const unknown = names.find((name) => !all.some((client) => client.name === name));
  if (unknown !== undefined) {
    const known = [...clientNames, 'git', 'status'];
    const close = closestKey(unknown, known);
    const meant = close === undefined ? '' : `Did you mean ${close}? `;
    throw new CollabError('USAGE', `there is no client "${unknown.slice(0, 40)}"`, {
      next: `${meant}Name some of ${known.join(', ')}.`,
    });
  }
  if (names.length > 0) return all.filter((client) => names.includes(client.name));
  const installed = await Promise.all(all.map(isInstalled));
  return all.filter((_, at) => installed[at]);
}

/** Hooks over HTTP need a port that stays: the daemon's present one becomes the configured one. */
async function entriesFor(
  { daemon, home }: CommandContext,
  clients: readonly Client[],
  commandsOnly: boolean,
  dryRun: boolean,
): Promise<SetupEntries> {
  const { command, args, shell } = ownProgram();
  const entries: SetupEntries = {
    server: { command, args: [...args, 'mcp'] },
    command: `${shell} hook`,
  };
  if (commandsOnly) return entries;
  const { port, token } = (await daemon.call('hook.endpoint', {})).data;
  const paths = homePaths(home);
  const { raw } = await loadConfig(paths);
  const fixed = getSetting(raw, 'port').value === 0 ? port : Number(getSetting(raw, 'port').value);
  const needsPort = clients.some(({ name }) => name === 'claude');
  if (needsPort && !dryRun && fixed === port)
    await updateConfig(paths, (before) => setSetting(before, 'port', String(port)));
  const url = `http://127.0.0.1:${fixed}/v1/hook/claude`;
  return { ...entries, http: { url, token, blocks: getSetting(raw, 'enforce').value === 'closed' } };
}

function allFailed(views: readonly Done['view'][]): CollabError {
  const [first] = views;
  return new CollabError(
    'SETUP_FAILED',
    `no client was connected: ${first?.title}: ${first?.error?.message ?? ''}`,
    {
      ...(first?.error?.next === undefined ? {} : { next: first.error.next }),
      details: { clients: views },
    },
  );
}

function reportText({ title, state, files, note, error }: Done['view'], screen: Screen): string {
  const colour = state === 'connected' ? 'green' : state === 'absent' ? 'cyan' : 'red';
  const lines = [`${title}: ${screen.paint(colour, state)}`];
  for (const { path, what, changes } of files)
    lines.push(`  ${what}: ${printable(path)}${changes ? ' (changes)' : ''}`);
  if (note !== undefined && state !== 'absent') lines.push(`  ${note}`);
  if (error !== undefined)
    lines.push(`  ${printable(error.message)}${error.next === undefined ? '' : ` ${printable(error.next)}`}`);
  return `${lines.join('\n')}\n`;
}
