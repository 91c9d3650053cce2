import { isatty } from 'node:tty';
import { counted } from '../../base/counted.ts';
import { writeErr } from '../../base/log.ts';
import type { CommandRun } from '../command-context.ts';
import { withProgress } from '../progress.ts';
import { usage } from '../read-arguments.ts';
import { oneLine } from '../screen.ts';

/** A token is some 600 characters. */
const maxTokenBytes = 16_384;

export const init: CommandRun<'init'> = async (args, { daemon }) => {
  const { data, notices } = await daemon.call('cluster.init', { name: args.name });
  const { name, addresses } = data.cluster;
  return {
    data,
    notices,
    text: () =>
      `made the cluster ${oneLine(name)}; this node listens at ${addresses.join(', ')}\nLet others in: agent-collab invite\n`,
  };
};

export const join: CommandRun<'join'> = async (args, { daemon, stderr }) => {
  // What `ps` shows of this process from here on: the invite is a secret.
  process.title = 'agent-collab join';
  const token = await readToken(args.token);
  const work = daemon.call('cluster.join', { token });
  const { data, notices } = await withProgress(stderr, 'presenting the invite', work);
  const { name, members } = data.cluster;
  return {
    data,
    notices,
    text: () => `joined ${oneLine(name)}, which has ${counted(members, 'member')} now\n`,
  };
};

export const leave: CommandRun<'leave'> = async (_args, { daemon }) => {
  const { data, notices } = await daemon.call('cluster.leave', {});
  const told =
    data.told === 0
      ? 'nobody was connected to be told: the others will count this node as away'
      : `told to ${counted(data.told, 'member')}`;
  return { data, notices, text: () => `left the cluster; ${told}\n` };
};

export const rotate: CommandRun<'cluster rotate'> = async (_args, { daemon }) => {
  const { data, notices } = await daemon.call('cluster.rotate', {});
  const later = data.later === 0 ? '' : `; ${data.later} will be given it when they are back`;
  return {
    data,
    notices,
    text: () => `the key has changed (epoch ${data.epoch}): ${data.told} members have it${later}\n`,
  };
};

async function readToken(given: string | undefined): Promise<string> {
  if (given !== undefined && given !== '-') return given;
  if (isatty(0)) writeErr('paste the invite and end it with Ctrl-D\n');
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > maxTokenBytes) throw usage('what came on standard input is no invite');
  }
  if (text.trim() === '') throw usage('there is no invite', 'Get one on a member: agent-collab invite.');
  return text.trim();
}
