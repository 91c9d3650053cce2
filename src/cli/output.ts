/** The two ways in which a command speaks: one JSON envelope on standard output, or text for people. */
import { systemClock } from '../base/clock.ts';
import { type CollabError, encodeError } from '../base/errors.ts';
import { exitCodes, exitNow } from '../base/exit.ts';
import { writeErr, writeOut } from '../base/log.ts';
import type { Envelope, Notice } from '../control/results.ts';
import type { CommandResult } from './command-context.ts';
import type { Failure } from './command-data.ts';
import { openScreen, type Screen } from './screen.ts';

function envelopeLine(envelope: Envelope<unknown>): string {
  return `${JSON.stringify(envelope)}\n`;
}

function successEnvelope(data: unknown, notices: readonly Notice[] = []): Envelope<unknown> {
  return notices.length === 0 ? { ok: true, data } : { ok: true, data, notices };
}

export async function printResult(result: CommandResult<unknown>, json: boolean): Promise<void> {
  const { data, notices = [], text } = result;
  if (json) {
    writeOut(envelopeLine(successEnvelope(data, notices)));
    return;
  }
  writeOut(await text(openScreen('stdout')));
  await printNotices(notices);
}

/** Of what went wrong nothing goes to standard output, except with --json, where it is the one document there. */
export async function printError(
  error: CollabError,
  json: boolean,
  notices: readonly Notice[] = [],
): Promise<void> {
  if (json) {
    const told = notices.length === 0 ? {} : { notices };
    const failure: Failure = { ok: false, error: encodeError(error), ...told };
    writeOut(envelopeLine(failure));
    return;
  }
  const { errorText } = await import('./error-text.ts');
  writeErr(errorText(error, openScreen('stderr'), systemClock.wallMs()));
  await printNotices(notices);
}

async function printNotices(notices: readonly Notice[]): Promise<void> {
  if (notices.length === 0) return;
  const { noticeText } = await import('./lock-text.ts');
  const screen = openScreen('stderr');
  for (const notice of notices) writeErr(noticeText(notice, screen, systemClock.wallMs()));
}

let listensForGone = false;

/**
 * Prints one of many results. Through the stream rather than writeOut, because only the stream says that the reader is
 * gone (`| head`): a follower ends then, without a word.
 */
export async function emitResult(
  data: unknown,
  text: (screen: Screen) => string | Promise<string>,
  json: boolean,
): Promise<void> {
  if (!listensForGone) {
    listensForGone = true;
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') exitNow(exitCodes.done);
      throw error;
    });
  }
  const line = json ? envelopeLine({ ok: true, data }) : await text(openScreen('stdout'));
  // A reader that is slower than the events slows us down instead of filling our memory.
  if (!process.stdout.write(line)) {
    await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()));
  }
}
