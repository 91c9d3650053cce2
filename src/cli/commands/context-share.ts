import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { CollabError } from '../../base/errors.ts';
import { maxRequestBytes } from '../../base/limits.ts';
import { writeErr } from '../../base/log.ts';
import type { ShareView } from '../../control/share-view.ts';
import { agentIdentity } from '../agent-identity.ts';
import type { CommandRun } from '../command-context.ts';
import { usage } from '../read-arguments.ts';
import { oneLine } from '../screen.ts';

export const share: CommandRun<'context share'> = async (args, { daemon, cwd }) => {
  const { id: agent } = agentIdentity(args.agent);
  const content = await readContent(args, cwd);
  if (content.trim() === '') throw usage('the text to share is empty');
  const { data, notices } = await daemon.call('context.share', {
    agent,
    cwd,
    path: args.path,
    content,
    ...(args.tag.length === 0 ? {} : { tags: [...args.tag] }),
    ...(args.supersedes === undefined ? {} : { supersedes: args.supersedes }),
  });
  const { context, durability, redacted } = data;
  return {
    data,
    notices,
    text: () =>
      `shared ${context.id} about ${oneLine(context.path)} (${durability}, ${content.length} characters)\n${leftOut(redacted)}`,
  };
};

/** `2 secrets were left out: GitHub token, private key`. */
function leftOut(redacted: ShareView['redacted']): string {
  const count = redacted.reduce((sum, one) => sum + one.count, 0);
  if (count === 0) return '';
  const kinds = redacted.map((one) => (one.count === 1 ? one.kind : `${one.count} × ${one.kind}`));
  return `${count} ${count === 1 ? 'secret was' : 'secrets were'} left out: ${kinds.join(', ')}\n`;
}

interface Sources {
  readonly source: string | undefined;
  readonly message: string | undefined;
  readonly file: string | undefined;
}

async function readContent({ source, message, file }: Sources, cwd: string): Promise<string> {
  if (source !== undefined && source !== '-') {
    throw usage(
      `"${oneLine(source, 40)}" is one argument too many`,
      'Give the text with -m TEXT, --file FILE, or - for standard input.',
    );
  }
  const given = [source, message, file].filter((it) => it !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'there is no text to share' : 'the text comes from more than one place';
    throw usage(what, 'Give exactly one of -m TEXT, --file FILE, or - for standard input.');
  }
  if (message !== undefined) return message;
  return decodeText(
    file === undefined ? await readStandardInput() : await readTextFile(resolve(cwd, file)),
    file ?? 'standard input',
  );
}

async function readTextFile(path: string): Promise<Buffer> {
  try {
    const entry = await stat(path);
    if (entry.isDirectory()) throw usage(`--file ${path} is a directory`);
    if (entry.size > maxRequestBytes) throw tooLarge(entry.size);
    return await readBounded(createReadStream(path));
  } catch (error) {
    if (error instanceof CollabError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? String(error)})`;
    throw usage(`--file ${path} ${what}`, 'Name a file that can be read, or - for standard input.');
  }
}

async function readStandardInput(): Promise<Buffer> {
  if (isatty(0)) writeErr('reading the text from the terminal; end it with Ctrl-D\n');
  return readBounded(process.stdin);
}

/** An endless pipe or device must not fill the memory before the daemon can refuse it. */
async function readBounded(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > maxRequestBytes) throw tooLarge(bytes);
  }
  return Buffer.concat(chunks);
}

function decodeText(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CollabError('INVALID_ARGUMENT', `${where} is not UTF-8 text`, {
      next: 'Share text only; name a binary file by its path instead.',
      cause,
    });
  }
}

function tooLarge(bytes: number): CollabError {
  return new CollabError('DELTA_TOO_LARGE', `the text has over ${bytes - 1} bytes`, {
    next: 'Share a shorter text, or split it; at most 256 KiB.',
    details: { bytes, limit: maxRequestBytes },
  });
}
