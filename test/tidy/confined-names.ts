import type { Expression, MemberExpression } from 'oxc-parser';
import { inProduct, type ProjectFile, type Rule, type Violation } from './source-file.ts';

/** What may stand in one named file only, so that a test can replace it and a reader can find every use. */
const homes: readonly { readonly name: string; readonly file: string }[] = [
  { name: 'process.env', file: 'src/base/environment.ts' },
  { name: 'process.exit', file: 'src/base/exit.ts' },
  { name: 'console', file: 'src/base/log.ts' },
  { name: 'Date.now', file: 'src/base/clock.ts' },
  { name: 'new Date()', file: 'src/base/clock.ts' },
  { name: 'performance.now', file: 'src/base/clock.ts' },
  // A page in a browser has a clock of its own.
  { name: 'performance.now', file: 'src/dashboard/page-clock.ts' },
  { name: 'process.hrtime', file: 'src/base/clock.ts' },
  { name: 'Math.random', file: 'src/base/random.ts' },
  { name: 'randomBytes', file: 'src/base/random.ts' },
  { name: 'randomInt', file: 'src/base/random.ts' },
  { name: 'randomUUID', file: 'src/base/random.ts' },
  { name: 'getRandomValues', file: 'src/base/random.ts' },
];

/** Modules that would let a file say `env` or `exit` without `process`. */
const disguises: Readonly<Record<string, string>> = {
  'node:process': 'process.env and process.exit are reached through base/',
  'node:perf_hooks': 'clocks are read in src/base/clock.ts',
};

export const confinedNames: Rule = (files) =>
  files.filter(inProduct).flatMap((file) => [...usesOf(file), ...disguisesOf(file)]);

function usesOf(file: ProjectFile): readonly Violation[] {
  const found: Violation[] = [];
  const check = (name: string, start: number) => {
    const own = homes.filter((home) => home.name === name);
    if (own.length === 0 || own.some((home) => home.file === file.path)) return;
    found.push(file.violation(start, `${name} lives in ${own.map((home) => home.file).join(' and ')} only`));
  };
  file.visit({
    MemberExpression: (node) => {
      const names = namesOf(node);
      check(names.join('.'), node.start);
      // `console` is confined whatever is called on it, `crypto.randomUUID` however the module is named.
      if (names.length === 2) for (const name of names) check(name, node.start);
    },
    ImportSpecifier: (node) => {
      if (node.imported.type === 'Identifier') check(node.imported.name, node.start);
    },
    NewExpression: (node) => {
      if (node.arguments.length === 0 && isNamed(node.callee, 'Date')) check('new Date()', node.start);
    },
    CallExpression: (node) => {
      if (isNamed(node.callee, 'Date')) check('new Date()', node.start);
    },
    VariableDeclarator: (node) => {
      // `const { env } = process`
      if (node.id.type !== 'ObjectPattern' || node.init?.type !== 'Identifier') return;
      for (const property of node.id.properties) {
        if (property.type !== 'Property' || property.key.type !== 'Identifier') continue;
        check(`${node.init.name}.${property.key.name}`, property.start);
      }
    },
  });
  return found;
}

function isNamed(node: Expression, name: string): boolean {
  return node.type === 'Identifier' && node.name === name;
}

/** `a.b.c` as its names; a leading `globalThis` is dropped, `a?.b` and `a['b']` read the same. Empty when there is more to it. */
function namesOf(node: MemberExpression): readonly string[] {
  const { property, object } = node;
  const last =
    property.type === 'Literal'
      ? String(property.value)
      : node.computed || property.type !== 'Identifier'
        ? undefined
        : property.name;
  if (last === undefined) return [];
  if (object.type === 'Identifier') return object.name === 'globalThis' ? [last] : [object.name, last];
  const before = object.type === 'MemberExpression' ? namesOf(object) : [];
  return before.length === 0 ? [] : [...before, last];
}

function disguisesOf(file: ProjectFile): readonly Violation[] {
  return file.imports.flatMap(({ specifier, line, typesOnly }): readonly Violation[] => {
    const what = disguises[specifier];
    return what === undefined || typesOnly || file.path.startsWith('src/base/')
      ? []
      : [{ path: file.path, line, what: `imports ${specifier}: ${what}` }];
  });
}
