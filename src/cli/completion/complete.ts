/** What the scripts of shell-scripts.ts ask for at each TAB. Answers within a second, says nothing else, always ends with 0. */
import { resolve } from 'node:path';
import { homeDirectory } from '../../base/environment.ts';
import { exitCodes } from '../../base/exit.ts';
import { writeOut } from '../../base/log.ts';
import { oneLine } from '../screen.ts';
import { bashAnswer, readBashLine } from './bash-line.ts';
import { isTypable, type LiveWords, liveWords } from './live-words.ts';
import { type Candidate, wantedWord } from './wanted-word.ts';

/** COMP_WORDBREAKS of a bash in which nobody has changed it. */
const usualBreaks = ' \t\n"\'><=;|&(:@';

/** What the shells show of a description. */
const aboutChars = 80;

/**
 * `agent-collab __complete bash <line> <COMP_WORDBREAKS>`, or `zsh|fish -- <word>... <word of the cursor>`. The first line
 * of the answer is `files`, when the shell is to complete a path, or `words`; then comes a candidate a line, in the form in
 * which the shell takes it.
 */
export async function complete([shell, ...args]: readonly string[]): Promise<number> {
  try {
    writeOut(shell === 'bash' ? await forBash(args) : await forShell(shell ?? '', args));
  } catch {
    // Half a line is being typed: there is nobody to tell. Without an answer the shell offers nothing.
  }
  return exitCodes.done;
}

async function forBash([text = '', breaks = '']: readonly string[]): Promise<string> {
  const line = readBashLine(text, breaks || usualBreaks);
  const found = line.isRedirect ? 'files' : await candidates(line.words, line.current);
  return answer(found, ({ value }) => bashAnswer(line, value));
}

/** These two take words as they are, quote them by themselves and choose those that fit. */
async function forShell(shell: string, args: readonly string[]): Promise<string> {
  const words = args.slice(1);
  const found = await candidates(words.slice(0, -1), words.at(-1) ?? '');
  return answer(found, ({ value, about }) => {
    if (shell === 'fish') return about === undefined ? value : `${value}\t${about}`;
    const name = value.replace(/[\\:]/g, '\\$&');
    return about === undefined ? name : `${name}:${about}`;
  });
}

async function candidates(words: readonly string[], current: string): Promise<LiveWords> {
  const wanted = wantedWord(words, current);
  if (wanted.source === undefined) return wanted.candidates;
  const found = await liveWords(wanted.source, wanted, {
    home: resolve(homeDirectory()),
    cwd: process.cwd(),
  });
  if (found === 'files') return found;
  return [...wanted.candidates, ...found.map((one) => ({ ...one, value: wanted.prefix + one.value }))];
}

/** Names and intentions come from other people: what cannot be typed is left out, what is only read is made harmless. */
function answer(found: LiveWords, form: (candidate: Candidate) => string | undefined): string {
  if (found === 'files') return 'files\n';
  const seen = new Set<string>();
  const lines = found
    .filter(({ value }) => isTypable(value) && !seen.has(value) && seen.add(value))
    .map(({ value, about }) =>
      form(about === undefined ? { value } : { value, about: oneLine(about, aboutChars) }),
    );
  return ['words', ...lines.filter((line) => line !== undefined)].map((line) => `${line}\n`).join('');
}
