import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { colourWanted } from '../base/environment.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** What text output may use: how wide it may be and whether colour shows. */
export interface Screen {
  readonly width: number;
  readonly isTerminal: boolean;
  paint(style: Style, text: string): string;
}

/** Width of output that goes to a file or pipe: wide enough that tables rarely wrap, narrow enough to read. */
const pipeWidth = 120;
const narrowestWidth = 40;

export function openScreen(stream: 'stdout' | 'stderr'): Screen {
  const isTerminal = isatty(stream === 'stdout' ? 1 : 2);
  // process.stdout is made on first use and costs some milliseconds: a command in a pipe goes without.
  const columns = isTerminal ? process[stream].columns : pipeWidth;
  return createScreen(columns || pipeWidth, isTerminal, isTerminal && colourWanted());
}

export function createScreen(width: number, isTerminal: boolean, colour: boolean): Screen {
  return {
    width: Math.max(narrowestWidth, width),
    isTerminal,
    // Whether this stream shows colour is decided by the caller, for this stream and not for standard output.
    paint: (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text),
  };
}

/**
 * Text from another agent or a file, made safe to show: control characters, which could move the cursor, set the title
 * or hide what stands before them, become their picture (␛). Line feeds and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    if (char === '\n' || char === '\t') return char;
    const code = char.codePointAt(0) ?? 0;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? '␡' : '�';
  });
}

/** The same on one line, and no longer than `limit` characters. */
export function oneLine(text: string, limit = 500): string {
  const line = printable(text).replace(/\s+/g, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
