/**
 * How bash reads a line that is being typed, and how it wants an answer. bash hands its completion functions words that it
 * has cut at `:`, `=` and `@` and that still have their quotes, and puts into the line what they answer as it stands. So the
 * line is read here, by the rules of the shell, and every answer is quoted here.
 */

export interface BashLine {
  /** Without the program and without the word of the cursor; quotes taken off. */
  readonly words: readonly string[];
  readonly current: string;
  /** The quote that is open at the cursor. */
  readonly quote: '' | '"' | "'";
  /** Characters of `current` that bash leaves alone: it replaces only what stands behind the last break. */
  readonly kept: number;
  /** The word is where output goes to or input comes from. */
  readonly isRedirect: boolean;
}

/**
 * @param line up to the cursor.
 * @param breaks COMP_WORDBREAKS.
 */
export function readBashLine(line: string, breaks: string): BashLine {
  const state = { words: [] as string[], current: '', isWord: false, kept: 0, isRedirect: false };
  const end = () => {
    if (state.isWord && !state.isRedirect) state.words.push(state.current);
    if (state.isWord) state.isRedirect = false;
    Object.assign(state, { current: '', isWord: false, kept: 0 });
  };
  const add = (text: string) => {
    state.current += text;
    state.isWord = true;
  };
  let quote: BashLine['quote'] = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (quote === "'") {
      if (char === "'") quote = '';
      else add(char);
    } else if (char === '\\' && (quote === '' || '"\\$`\n'.includes(line[at + 1] ?? 'x'))) {
      add(line[++at] ?? '');
    } else if (char === '"') {
      quote = quote === '"' ? '' : '"';
      add('');
      if (quote === '"' && !isClosed(line, at)) state.kept = state.current.length;
    } else if (quote === '"') add(char);
    else if (char === "'") {
      quote = "'";
      add('');
      if (!line.includes("'", at + 1)) state.kept = state.current.length;
    } else if (/\s/.test(char)) end();
    else if (';|&()'.includes(char)) {
      end();
      state.words = [];
    } else if (char === '<' || char === '>') {
      end();
      state.isRedirect = true;
    } else {
      add(char);
      // With the break comes what makes bash look for a host, and it is replaced with the rest.
      if (breaks.includes(char)) state.kept = state.current.length - (char === '@' ? 1 : 0);
    }
  }
  const { words, current, kept, isRedirect } = state;
  return { words: words.slice(1), current, quote, kept, isRedirect };
}

/** Whether the double quote at `from` has its end. */
function isClosed(line: string, from: number): boolean {
  return /^"(?:[^"\\]|\\.)*"/s.test(line.slice(from));
}

/** What to put into the line for `value`; undefined when it is none that fits, or cannot be written within the quote. */
export function bashAnswer({ current, quote, kept }: BashLine, value: string): string | undefined {
  if (!value.startsWith(current)) return undefined;
  const rest = value.slice(kept);
  if (quote === "'") return rest.replaceAll("'", "'\\''");
  // Within double quotes nothing takes the meaning from an exclamation mark, which brings back an earlier command.
  if (quote === '"') return rest.includes('!') ? undefined : rest.replace(/["\\$`]/g, '\\$&');
  return rest.replace(/[^\p{L}\p{N}\p{M}_./:=@%+,-]/gu, '\\$&');
}
