/**
 * Splits a shell command line into simple commands, as POSIX and Bash do, without running or expanding anything. It knows quotes,
 * escapes, operators, redirections, heredocs, comments, groups and subshells. What a word is made of that only a shell can know
 * (`$x`, `$(…)`, backticks) makes that word unknown; a line that does not parse is refused as a whole. It never guesses.
 */

export interface ShellWord {
  readonly text: string;
  /** False: a part of it only a shell can know. */
  readonly known: boolean;
  /** Whether an unquoted `*` or `?` makes it stand for several files. */
  readonly glob: boolean;
}

export interface Redirection {
  /** `>`, `>>`, `>|`, `&>`, `&>>`, `<`, `<>`, `<<`, `<<<`. */
  readonly operator: string;
  readonly target: ShellWord;
  /** Of a heredoc. */
  readonly body?: string;
}

export interface SimpleCommand {
  readonly words: readonly ShellWord[];
  readonly redirections: readonly Redirection[];
  /** Groups that it stands in, outermost first: a `cd` counts until the end of its subshell. */
  readonly scope: readonly number[];
}

export type ShellScript =
  | { readonly kind: 'commands'; readonly commands: readonly SimpleCommand[] }
  | { readonly kind: 'unparsed'; readonly reason: string };

/** A longer line is a program, not a command: nobody reads it, and neither do we. */
const maxScriptChars = 256 * 1024;
const maxCommands = 2000;
const maxDepth = 8;

class Unparsed extends Error {}

export function parseShell(script: string): ShellScript {
  if (script.length > maxScriptChars) return { kind: 'unparsed', reason: 'the command is too long' };
  try {
    return { kind: 'commands', commands: new ShellParser(script).parse() };
  } catch (error) {
    if (error instanceof Unparsed) return { kind: 'unparsed', reason: error.message };
    throw error;
  }
}

interface PendingHeredoc {
  readonly delimiter: string;
  readonly stripsTabs: boolean;
  readonly at: { commands: Redirection[]; index: number };
}

class ShellParser {
  readonly #text: string;
  #at = 0;
  readonly #commands: SimpleCommand[] = [];
  #words: ShellWord[] = [];
  #redirections: Redirection[] = [];
  /** Open subshells and groups; a pipe's parts are subshells too. */
  #scope: number[] = [];
  #scopes = 0;
  #heredocs: PendingHeredoc[] = [];
  readonly #open: ('(' | '{')[] = [];
  /** Scripts in `$(…)` and backticks: they run too, each in a shell of its own. */
  readonly #substituted: { readonly script: string; readonly scope: readonly number[] }[] = [];

  readonly #depth: number;

  constructor(text: string, depth = 0) {
    if (depth > maxDepth) throw new Unparsed('commands within commands, too deep');
    this.#text = text.replaceAll('\r\n', '\n');
    this.#depth = depth;
  }

  parse(): readonly SimpleCommand[] {
    while (this.#at < this.#text.length) this.#step();
    this.#end();
    if (this.#heredocs.length > 0) throw new Unparsed('a heredoc has no end');
    if (this.#open.length > 0) throw new Unparsed(`a ${this.#open.at(-1)} is not closed`);
    const inner = this.#substituted.flatMap(({ script, scope }, at) =>
      new ShellParser(script, this.#depth + 1)
        .parse()
        .map((command) => ({ ...command, scope: [...scope, -2 - at, ...command.scope] })),
    );
    return [...this.#commands, ...inner];
  }

  #step(): void {
    const rest = this.#text;
    const char = rest[this.#at] ?? '';
    if (char === ' ' || char === '\t') this.#at += 1;
    else if (char === '\\' && rest[this.#at + 1] === '\n') this.#at += 2;
    else if (char === '\n') {
      this.#end();
      this.#at += 1;
      this.#readHeredocs();
    } else if (char === '#') {
      const end = rest.indexOf('\n', this.#at);
      this.#at = end === -1 ? rest.length : end;
    } else if (!this.#redirection() && !this.#operator()) this.#words.push(this.#word());
  }

  /** Control operators and the brackets of groups. */
  #operator(): boolean {
    const two = this.#text.slice(this.#at, this.#at + 2);
    const one = two[0] ?? '';
    if (two === '&&' || two === '||' || two === ';;') return this.#separate(2);
    if (two === '|&' || one === '|') return this.#pipe(two === '|&' ? 2 : 1);
    if (one === ';' || one === '&') return this.#separate(1);
    if (one === '(') {
      // `f() { … }` and `a=(…)`: what they do is known only when they are used.
      if (this.#words.length > 0) throw new Unparsed('a function or an array');
      this.#openScope('(');
      return true;
    }
    if (one === ')') {
      this.#end();
      if (this.#open.pop() !== '(') throw new Unparsed('a ) without its (');
      this.#scope = this.#scope.slice(0, -1);
      this.#at += 1;
      return true;
    }
    if (this.#words.length > 0 || !/^[{}](?:[\s;&|)]|$)/.test(this.#text.slice(this.#at, this.#at + 2)))
      return false;
    if (one === '{') this.#open.push('{');
    else if (this.#open.pop() !== '{') throw new Unparsed('a } without its {');
    this.#at += 1;
    return true;
  }

  #openScope(bracket: '('): void {
    this.#open.push(bracket);
    this.#scopes += 1;
    this.#scope = [...this.#scope, this.#scopes];
    this.#at += 1;
  }

  #separate(chars: number): true {
    this.#end();
    this.#at += chars;
    return true;
  }

  /** Each part of a pipe runs in a process of its own; only a `cd` would show it, and one there has no effect after. */
  #pipe(chars: number): true {
    this.#end(true);
    this.#at += chars;
    return true;
  }

  #end(piped = false): void {
    if (this.#words.length > 0 || this.#redirections.length > 0) {
      const first = this.#words[0]?.text;
      const scope = piped && first === 'cd' ? [...this.#scope, -1] : this.#scope;
      this.#commands.push({ words: this.#words, redirections: this.#redirections, scope });
      if (this.#commands.length > maxCommands) throw new Unparsed('too many commands');
    }
    this.#words = [];
    this.#redirections = [];
  }

  #redirection(): boolean {
    const match = /^(\d*|\{\w+\})(&>>|&>|>>|>\||>&|<&|<<<|<<-|<<|<>|>|<)/.exec(
      this.#text.slice(this.#at, this.#at + 40),
    );
    const operator = match?.[2];
    if (match === null || operator === undefined) return false;
    const next = this.#text[this.#at + match[0].length];
    if ((operator === '>' || operator === '<') && next === '(') throw new Unparsed('a process substitution');
    this.#at += match[0].length;
    while (/[ \t]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
    if (/[\n;|&<>()]/.test(this.#text[this.#at] ?? '\n'))
      throw new Unparsed('a redirection without a target');
    const target = this.#word();
    if (operator === '<<' || operator === '<<-') {
      const at = { commands: this.#redirections, index: this.#redirections.length };
      this.#heredocs.push({ delimiter: target.text, stripsTabs: operator === '<<-', at });
    }
    // `2>&1` and `>&-` copy or close a descriptor; `>& file` is the older spelling of `&> file`.
    const isDescriptor = (operator === '>&' || operator === '<&') && /^(\d+|-|\d+-)$/.test(target.text);
    if (!isDescriptor) {
      const plain = operator === '>&' ? '&>' : operator === '<<-' ? '<<' : operator;
      this.#redirections.push({ operator: plain, target });
    }
    return true;
  }

  #readHeredocs(): void {
    for (const { delimiter, stripsTabs, at } of this.#heredocs) {
      const lines: string[] = [];
      for (;;) {
        if (this.#at >= this.#text.length) throw new Unparsed('a heredoc has no end');
        const end = this.#text.indexOf('\n', this.#at);
        const raw = this.#text.slice(this.#at, end === -1 ? undefined : end);
        this.#at = end === -1 ? this.#text.length : end + 1;
        const line = stripsTabs ? raw.replace(/^\t+/, '') : raw;
        if (line === delimiter) break;
        lines.push(line);
      }
      const redirection = at.commands[at.index];
      if (redirection !== undefined)
        at.commands[at.index] = { ...redirection, body: lines.map((line) => `${line}\n`).join('') };
    }
    this.#heredocs = [];
  }

  #word(): ShellWord {
    let text = '';
    let known = true;
    let glob = false;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? '';
      if (/[\s;|&<>()]/.test(char)) break;
      if (char === "'") text += this.#singleQuoted();
      else if (char === '"') {
        const quoted = this.#doubleQuoted();
        text += quoted.text;
        known &&= quoted.known;
      } else if (char === '\\') {
        text += this.#escaped();
      } else if (char === '$' || char === '`') {
        known = false;
        this.#skipExpansion();
      } else {
        // Brackets and braces stand for sets of names that we do not spell out.
        if (char === '*' || char === '?') glob = true;
        if (char === '[' && text !== '' && /^\[[^\]\s]+\]/.test(this.#text.slice(this.#at, this.#at + 60)))
          known = false;
        if (char === '{' && /^\{[^}\s]*(,|\.\.)[^}\s]*\}/.test(this.#text.slice(this.#at, this.#at + 200)))
          known = false;
        if (char === '~' && text === '') known = false;
        text += char;
        this.#at += 1;
      }
    }
    return { text, known, glob };
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw new Unparsed("a ' is not closed");
    const text = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): { readonly text: string; readonly known: boolean } {
    let text = '';
    let known = true;
    this.#at += 1;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw new Unparsed('a " is not closed');
      if (char === '"') break;
      if (char === '\\') {
        const next = this.#text[this.#at + 1] ?? '';
        text += '$`"\\'.includes(next) ? next : next === '\n' ? '' : `\\${next}`;
        this.#at += 2;
      } else if (char === '`' || (char === '$' && /[\w({@*#?$!-]/.test(this.#text[this.#at + 1] ?? ''))) {
        known = false;
        this.#skipExpansion();
      } else {
        text += char;
        this.#at += 1;
      }
    }
    this.#at += 1;
    return { text, known };
  }

  #escaped(): string {
    const next = this.#text[this.#at + 1];
    if (next === undefined) throw new Unparsed('a \\ at the end');
    this.#at += 2;
    return next === '\n' ? '' : next;
  }

  #substitute(script: string): void {
    this.#substituted.push({ script, scope: this.#scope });
  }

  /** Past `$x`, `${…}`, `$(…)`, `$((…))`, `$'…'` or backticks. */
  #skipExpansion(): void {
    const [first, second] = [this.#text[this.#at], this.#text[this.#at + 1] ?? ''];
    const start = this.#at;
    if (first === '`') {
      this.#skipTo('`');
      this.#substitute(this.#text.slice(start + 1, this.#at - 1));
      return;
    }
    if (second === '(') {
      this.#skipBalanced('(', ')');
      if (this.#text[start + 2] !== '(') this.#substitute(this.#text.slice(start + 2, this.#at - 1));
      return;
    }
    if (second === '{') {
      this.#skipBalanced('{', '}');
      return;
    }
    if (second === "'") {
      this.#at += 1;
      this.#skipTo("'");
      return;
    }
    const name = /^\$(\w+|[@*#?$!-])?/.exec(this.#text.slice(this.#at, this.#at + 200));
    this.#at += Math.max(1, name?.[0].length ?? 1);
  }

  /** To the next of the same sign that is not escaped. */
  #skipTo(sign: string): void {
    for (let at = this.#at + 1; at < this.#text.length; at += 1) {
      if (this.#text[at] === '\\') at += 1;
      else if (this.#text[at] === sign) {
        this.#at = at + 1;
        return;
      }
    }
    throw new Unparsed(`a ${sign} is not closed`);
  }

  #skipBalanced(open: string, close: string): void {
    let depth = 0;
    for (let at = this.#at + 1; at < this.#text.length; at += 1) {
      const char = this.#text[at];
      if (char === '\\') at += 1;
      else if (char === "'") {
        at = this.#text.indexOf("'", at + 1);
        if (at === -1) break;
      } else if (char === open) depth += 1;
      else if (char === close) {
        depth -= 1;
        if (depth > 0) continue;
        this.#at = at + 1;
        return;
      }
    }
    throw new Unparsed(`a ${open} is not closed`);
  }
}
