/** A session of commands as a document shows it: read out of the document, and held against what the commands print. */

export interface ShownStep {
  /** Where the document has it, counted from 1. */
  readonly line: number;
  /** The word before `$`: commands with the same one are typed into the same terminal. */
  readonly terminal: string;
  /** `…` for what the command that still runs in this terminal goes on to print. */
  readonly command: string;
  readonly output: readonly string[];
}

/** The steps of the fenced blocks below `<!-- name -->`; lines that begin with `# ` are for the reader. */
export function shownSteps(document: string, name: string): readonly ShownStep[] {
  const steps: (ShownStep & { readonly output: string[] })[] = [];
  for (const block of document.matchAll(new RegExp(`<!-- ${name} -->\n\`\`\`\\w*\n(.*?)^\`\`\``, 'gms'))) {
    const before = document.slice(0, block.index).split('\n').length + 1;
    for (const [at, text] of (block[1] ?? '').trimEnd().split('\n').entries()) {
      const [, terminal, command] = /^(\w+)\$ (.+)$/.exec(text) ?? [];
      if (terminal !== undefined && command !== undefined)
        steps.push({ line: before + at + 1, terminal, command, output: [] });
      else if (text !== '' && !text.startsWith('# ')) steps.at(-1)?.output.push(text);
    }
  }
  return steps;
}

/** Whether the document shows what the command prints only after steps of other terminals. */
export function isLeftRunning(step: ShownStep, steps: readonly ShownStep[]): boolean {
  const next = steps.slice(steps.indexOf(step) + 1).find(({ terminal }) => terminal === step.terminal);
  return next?.command === '…';
}

const base58 = '[1-9A-HJ-NP-Za-km-z]';

/** What is another one each time, but the same wherever the document has the same. */
const names = [
  /\blk_[0-9a-f]{4,}\b/,
  new RegExp(`\\b12D3KooW${base58}{44}\\b`),
  new RegExp(`\\b${base58}{8}(?=:\\d+\\b)`),
  /(?<=127\.0\.0\.1:)\d+|\d+(?=:127\.0\.0\.1)/,
  /(?<=\bpid )\d+/,
];
/** What is another one each time, whatever it was before. */
const measures = [
  // With its date where that is another one: before midnight what ends in ten minutes ends tomorrow.
  /\b(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\b/,
  /\b\d+(?:ms|s|m|h)(?: \d+(?:ms|s|m))?\b/,
  /(?<=\bticket=)[\w-]{43}/,
  // Columns are as wide as what is in them.
  / {2,}/,
];
const varying = new RegExp([...names, ...measures, /…/].map(({ source }) => source).join('|'), 'g');

/** Knows which ids of this run stand for those that the document shows. */
export class ShownText {
  readonly #actual = new Map<string, string>();

  /** @throws when the command names a lock that no output before it has shown. */
  command(shown: string): string {
    return shown.replace(/\blk_[0-9a-f]+\b/g, (id) => {
      const actual = this.#actual.get(id);
      if (actual === undefined) throw new Error(`${id} stands in no output before: ${shown}`);
      return actual;
    });
  }

  /** Whether `printed` is what the document shows but for what varies; if so, the ids in it count from then on. */
  matches(shown: readonly string[], printed: string): boolean {
    const groups: string[] = [];
    const lines = shown.map((line) => (line === '…' ? '(?:.*\n)*?' : `${this.#pattern(line, groups)}\n`));
    const found = new RegExp(`^${lines.join('')}$`).exec(printed.replace(/ +$/gm, ''));
    if (found === null) return false;
    for (const [at, name] of groups.entries()) this.#actual.set(name, found[at + 1] ?? '');
    return true;
  }

  #pattern(line: string, groups: string[]): string {
    let pattern = '';
    let end = 0;
    for (const match of line.matchAll(varying)) {
      pattern += escaped(line.slice(end, match.index)) + this.#varying(match[0], line, match.index, groups);
      end = match.index + match[0].length;
    }
    return pattern + escaped(line.slice(end));
  }

  #varying(text: string, line: string, start: number, groups: string[]): string {
    if (text === '…') return '.*';
    const isAt = (kind: RegExp): boolean =>
      [...line.matchAll(new RegExp(kind, 'g'))].some(
        (match) => match.index === start && match[0].length === text.length,
      );
    const name = names.find(isAt);
    if (name === undefined) return measures.find(isAt)?.source ?? escaped(text);
    const actual = this.#actual.get(text);
    if (actual !== undefined) return escaped(actual);
    const group = groups.indexOf(text);
    return group >= 0 ? `\\${group + 1}(?!\\d)` : `(${groups.push(text) && name.source})`;
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
