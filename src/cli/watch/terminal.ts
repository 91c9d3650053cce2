/**
 * The terminal while a program fills it: its other screen, so that what stood there before is there again afterwards, and its keys one by
 * one. However the process ends, short of SIGKILL, the terminal is given back.
 */
import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { exitCodes, exitNow } from '../../base/exit.ts';
import type { Key } from './watch-state.ts';

/** The other screen, no cursor, and lines that are too long cut off instead of wrapped. */
const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** A terminal that knows these shows the picture when it is whole; others skip them. */
const beginPicture = '\x1b[?2026h\x1b[H';
const endPicture = '\x1b[J\x1b[?2026l';

export interface TerminalParts {
  readonly output: WriteStream;
  /** Undefined: nobody can press a key. */
  readonly input: ReadStream | undefined;
  readonly onKey: (key: Key) => void;
  readonly onResize: () => void;
}

export class Terminal {
  readonly #parts: TerminalParts;
  #isOpen = false;

  constructor(parts: TerminalParts) {
    this.#parts = parts;
  }

  get height(): number {
    return this.#parts.output.rows || 24;
  }

  open(): void {
    const { output, input, onResize } = this.#parts;
    if (input !== undefined) {
      emitKeypressEvents(input);
      input.on('keypress', this.#pressed);
    }
    output.on('resize', onResize);
    process.on('exit', this.#giveBack);
    process.on('SIGTERM', this.#terminated);
    process.on('SIGHUP', this.#hungUp);
    process.on('SIGCONT', this.#continued);
    this.#take();
  }

  close(): void {
    const { output, input, onResize } = this.#parts;
    this.#giveBack();
    input?.off('keypress', this.#pressed);
    input?.pause();
    output.off('resize', onResize);
    process.off('exit', this.#giveBack);
    process.off('SIGTERM', this.#terminated);
    process.off('SIGHUP', this.#hungUp);
    process.off('SIGCONT', this.#continued);
  }

  draw(lines: readonly string[]): void {
    // Not `\n` behind the last line, which would scroll the first one away.
    if (this.#isOpen)
      this.#parts.output.write(
        `${beginPicture}${lines.map((line) => `${line}\x1b[K`).join('\r\n')}${endPicture}`,
      );
  }

  #take(): void {
    this.#isOpen = true;
    this.#parts.input?.setRawMode(true);
    this.#parts.output.write(enter);
  }

  readonly #giveBack = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#parts.input?.setRawMode(false);
    this.#parts.output.write(leave);
  };

  readonly #pressed = (_text: string | undefined, key: Key): void => {
    // In raw mode Ctrl-Z is a key like any other.
    if (key.ctrl === true && key.name === 'z') {
      this.#giveBack();
      process.kill(process.pid, 'SIGTSTP');
    } else this.#parts.onKey(key);
  };

  readonly #continued = (): void => {
    if (!this.#isOpen) this.#take();
    this.#parts.onResize();
  };

  readonly #terminated = (): void => exitNow(exitCodes.terminated);
  readonly #hungUp = (): void => exitNow(exitCodes.hungUp);
}
