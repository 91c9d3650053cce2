/** What clients run as a command hook, and git before and after a commit. Nothing of what comes in is run. */
import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { type CollabError, toCollabError } from '../../base/errors.ts';
import { maxHookBytes } from '../../base/limits.ts';
import { writeOut } from '../../base/log.ts';
import { denyAnswer, type HookAnswer, warnAnswer } from '../../hook/hook-answer.ts';
import { type HookClient, hookClients, parseHookEvent } from '../../hook/hook-event.ts';
import { toolWrites } from '../../hook/tool-writes.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';

/** A client waits for its hooks before each call: a daemon that is this slow counts as down. */
const answerWithinMs = 10_000;

export const hook: CommandRun<'hook'> = async (args, context) => {
  if (args.client === 'pre-commit' || args.client === 'post-commit') {
    const { preCommit, postCommit } = await import('../commit-hooks.ts');
    return args.client === 'pre-commit' ? preCommit(args.agent, context) : postCommit(args.agent, context);
  }
  const client = hookClients.find((name) => name === args.client);
  assert(client !== undefined, 'the table of commands knows more clients than there are');
  const event = await readInput();
  writeOut(`${await answer(client, event, context)}\n`);
  return undefined;
};

/** Never fails: what goes wrong here must not look to the client as if its tool did. */
async function answer(client: HookClient, event: string, { daemon, home }: CommandContext): Promise<string> {
  try {
    return await daemon.hook(client, event, answerWithinMs);
  } catch (error) {
    return JSON.stringify(await withoutDaemon(client, event, home, toCollabError(error)));
  }
}

/** As `enforce` says: a write is let through with a warning, or blocked. Whatever is no write goes through. */
async function withoutDaemon(
  client: HookClient,
  event: string,
  home: string,
  error: CollabError,
): Promise<HookAnswer> {
  const why = `agent-collab: ${error.message}${error.next === undefined ? '' : ` ${error.next}`}`;
  if (!mayWrite(client, event)) return {};
  return (await isClosed(home))
    ? denyAnswer(`${why} Writes are blocked meanwhile (enforce is closed).`)
    : warnAnswer(`${why} This write was not checked against the locks of others.`);
}

function mayWrite(client: HookClient, text: string): boolean {
  try {
    const event = parseHookEvent(client, JSON.parse(text));
    if (event.moment !== 'PreToolUse') return false;
    const { targets, unparsed } = toolWrites(event);
    return targets.length + unparsed.length > 0;
  } catch {
    // What cannot be read may be anything.
    return true;
  }
}

async function isClosed(home: string): Promise<boolean> {
  const [{ readConfigDocument }, { homePaths }, { getSetting }] = await Promise.all([
    import('../../home/config-file.ts'),
    import('../../home/home-paths.ts'),
    import('../../home/settings.ts'),
  ]);
  try {
    return getSetting(await readConfigDocument(homePaths(home)), 'enforce').value === 'closed';
  } catch {
    // A file that cannot be read says nothing, and the default is open.
    return false;
  }
}

async function readInput(): Promise<string> {
  if (fstatSync(0).isDirectory()) return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes <= maxHookBytes) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
