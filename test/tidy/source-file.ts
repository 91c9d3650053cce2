import { type Program, parseSync, Visitor, type VisitorObject } from 'oxc-parser';

/** A rule's finding; printed as `path:line: what`. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

/** A rule looks at the whole tree at once, so that it can follow imports and compare files. */
export type Rule = (files: readonly ProjectFile[]) => readonly Violation[];

export interface ImportEdge {
  /** As written: `./x.ts`, `node:fs`, `lmdb`. */
  readonly specifier: string;
  readonly line: number;
  /** Nothing of it is left at run time. */
  readonly typesOnly: boolean;
  readonly isReexport: boolean;
  /** `import()`: loaded when it is evaluated, not with the file. */
  readonly isDynamic: boolean;
}

/** One text file of the project. The syntax tree is made when a rule first asks for it. */
export class ProjectFile {
  /** Relative to the project's root, POSIX. */
  readonly path: string;
  readonly text: string;
  #program: Program | undefined;
  #comments: readonly { readonly value: string; readonly start: number }[] = [];
  #lineStarts: readonly number[] | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  get isTypeScript(): boolean {
    return /\.tsx?$/.test(this.path);
  }

  get isTest(): boolean {
    return this.path.endsWith('.test.ts');
  }

  get program(): Program {
    if (this.#program === undefined) {
      const lang = this.path.endsWith('x') ? 'tsx' : 'ts';
      const parsed = parseSync(this.path, this.text, { lang, sourceType: 'module', astType: 'ts' });
      const error = parsed.errors[0];
      if (error !== undefined) throw new Error(`${this.path} does not parse: ${error.message}`);
      this.#program = parsed.program;
      this.#comments = parsed.comments;
    }
    return this.#program;
  }

  get comments(): readonly { readonly value: string; readonly start: number }[] {
    return this.isTypeScript && this.program ? this.#comments : [];
  }

  visit(visitor: VisitorObject): void {
    new Visitor(visitor).visit(this.program);
  }

  /** 1-based line of an offset in `text`. */
  lineAt(offset: number): number {
    this.#lineStarts ??= lineStarts(this.text);
    let low = 0;
    let high = this.#lineStarts.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  violation(offset: number, what: string): Violation {
    return { path: this.path, line: this.lineAt(offset), what };
  }

  /** Every import, export-from, `import()` and `import('x').T` of the file. */
  get imports(): readonly ImportEdge[] {
    const edges: ImportEdge[] = [];
    const add = (
      source: { value: unknown; start: number },
      typesOnly: boolean,
      { isReexport = false, isDynamic = false } = {},
    ) => {
      if (typeof source.value !== 'string') return;
      const line = this.lineAt(source.start);
      edges.push({ specifier: source.value, line, typesOnly, isReexport, isDynamic });
    };
    this.visit({
      ImportDeclaration: (node) => {
        const named = node.specifiers;
        const allTypes =
          named.length > 0 &&
          named.every((one) => one.type === 'ImportSpecifier' && one.importKind === 'type');
        add(node.source, node.importKind === 'type' || allTypes);
      },
      ExportNamedDeclaration: (node) => {
        if (node.source !== null) add(node.source, node.exportKind === 'type', { isReexport: true });
      },
      ExportAllDeclaration: (node) => add(node.source, node.exportKind === 'type', { isReexport: true }),
      ImportExpression: (node) => {
        if (node.source.type === 'Literal') add(node.source, false, { isDynamic: true });
      },
      TSImportType: (node) => add(node.source, true),
    });
    return edges;
  }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The path that a relative import of `file` leads to; undefined for a package or a `node:` module. */
export function resolveImport(file: ProjectFile, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const parts = file.path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** `src/lock/table.ts` lies in the folder `lock`; `workers/x.ts` in `workers`; a file at the top in ``. */
export function folderOf(path: string): string {
  const parts = path.split('/');
  if (parts.length < 2) return '';
  return parts[0] === 'src' ? (parts.length > 2 ? (parts[1] ?? '') : 'src') : (parts[0] ?? '');
}

/** `@scope/name/deep` and `name/deep` without what is behind the name; undefined for relative and `node:` imports. */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|\/|node:)/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

export function inProduct(file: ProjectFile): boolean {
  return file.isTypeScript && /^(src|workers)\//.test(file.path);
}
