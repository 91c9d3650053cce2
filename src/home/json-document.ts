/** A JSON object as it stands in a file, with keys that this version may not know. */
export type JsonDocument = Readonly<Record<string, unknown>>;

/**
 * Where `text` stops being JSON, as an offset in UTF-16 units; undefined when it is JSON. Needed because JSON.parse
 * names the place only for some errors, and quotes the text around it, which may be a secret.
 */
export function jsonErrorOffset(text: string): number | undefined {
  let at = 0;
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match) at = token.lastIndex;
    return match !== null;
  };
  /** Closing brackets still to come; a stack instead of recursion, so that deep nesting cannot exhaust ours. */
  const closers: string[] = [];
  let expecting: 'value' | 'first-key' | 'first-value' | 'key' | 'after' = 'value';
  for (;;) {
    take(/[ \t\n\r]*/y);
    if (expecting === 'after') {
      const closer = closers.at(-1);
      if (closer === undefined) return at === text.length ? undefined : at;
      if (take(/,/y)) expecting = closer === '}' ? 'key' : 'value';
      else if (text[at] === closer) {
        closers.pop();
        at++;
      } else return at;
      continue;
    }
    const opensEmpty = expecting === 'first-key' || expecting === 'first-value';
    if (opensEmpty && text[at] === closers.at(-1)) {
      closers.pop();
      at++;
      expecting = 'after';
      continue;
    }
    if (expecting === 'key' || expecting === 'first-key') {
      if (!take(string)) return at;
      take(/[ \t\n\r]*/y);
      if (!take(/:/y)) return at;
      expecting = 'value';
    } else if (take(/\{/y)) {
      closers.push('}');
      expecting = 'first-key';
    } else if (take(/\[/y)) {
      closers.push(']');
      expecting = 'first-value';
    } else if (take(string) || take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y)) {
      expecting = 'after';
    } else return at;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them inside a string
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** 1-based, columns in UTF-16 units as editors count them. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
