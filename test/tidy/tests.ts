import type { CallExpression, Expression } from 'oxc-parser';
import { type ProjectFile, type Rule, resolveImport, type Violation } from './source-file.ts';

/** Node 20 expands no globs, and the shell's `test/*` + `/*.test.ts` sees this depth only: others would never run. */
export const testsLieWhereTheyRun: Rule = (files) =>
  files
    .filter((file) => /\.(test|spec)\.[cm]?[jt]sx?$/.test(file.path))
    .filter((file) => !/^test\/[^/]+\/[^/]+\.test\.ts$/.test(file.path))
    .map((file) => ({
      path: file.path,
      line: 1,
      what: 'is not run: tests lie exactly one folder deep, as test/<folder>/<name>.test.ts',
    }));

export const testsAssert: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files
    .filter((file) => file.isTest && !assertsSomewhere(file, byPath, new Set()))
    .map((file) => ({ path: file.path, line: 1, what: 'asserts nothing' }));
};

/** Contract suites and rule runners assert for the test that imports them. */
function assertsSomewhere(
  file: ProjectFile,
  byPath: ReadonlyMap<string, ProjectFile>,
  seen: Set<string>,
): boolean {
  if (seen.has(file.path)) return false;
  seen.add(file.path);
  let asserts = false;
  file.visit({
    CallExpression: (node) => {
      asserts ||= isAssertion(node.callee);
    },
  });
  if (asserts) return true;
  return file.imports.some((edge) => {
    const target = byPath.get(resolveImport(file, edge.specifier) ?? '');
    return target?.path.startsWith('test/') === true && assertsSomewhere(target, byPath, seen);
  });
}

/** `assert(…)`, `assert.equal(…)`, `t.assert.equal(…)`. */
function isAssertion(callee: Expression): boolean {
  if (callee.type === 'Identifier') return callee.name === 'assert';
  if (callee.type !== 'MemberExpression') return false;
  if (callee.property.type === 'Identifier' && callee.property.name === 'assert') return true;
  return isAssertion(callee.object as Expression);
}

const runners: ReadonlySet<string> = new Set(['it', 'test', 'describe', 'suite']);
const givesReason = /\b(because|needs|unless)\b/;

/** A test that is switched off says why in its name; one that switches off the others is a slip. */
export const noTestIsSwitchedOff: Rule = (files) =>
  files
    .filter((file) => file.isTypeScript && /^(test|crash-tests|bench)\//.test(file.path))
    .flatMap((file) => {
      const found: Violation[] = [];
      file.visit({
        CallExpression: (node) => {
          for (const way of switchesOf(node)) {
            const name = node.arguments[0];
            const title = name?.type === 'Literal' ? String(name.value) : '';
            if (way !== 'only' && (givesReason.test(title) || (isOfContext(node) && title !== ''))) continue;
            const remedy =
              way === 'only'
                ? 'runs alone and switches off all others'
                : 'is switched off and its name does not say why';
            found.push(file.violation(node.start, `${way}: "${title}" ${remedy}`));
          }
        },
      });
      return found;
    });

/** `t.skip('root may read everything')`: its argument is no name, but the reason itself. */
function isOfContext({ callee }: CallExpression): boolean {
  return (
    callee.type === 'MemberExpression' && callee.object.type === 'Identifier' && callee.object.name === 't'
  );
}

function switchesOf(node: CallExpression): readonly string[] {
  const { callee } = node;
  if (callee.type === 'MemberExpression') {
    const { object, property } = callee;
    const isRunner = object.type === 'Identifier' && (runners.has(object.name) || object.name === 't');
    return isRunner && property.type === 'Identifier' && /^(skip|only|todo)$/.test(property.name)
      ? [property.name]
      : [];
  }
  if (callee.type !== 'Identifier' || !runners.has(callee.name)) return [];
  return node.arguments.flatMap((argument) =>
    argument.type !== 'ObjectExpression'
      ? []
      : argument.properties.flatMap((property) =>
          property.type === 'Property' &&
          property.key.type === 'Identifier' &&
          /^(skip|only|todo)$/.test(property.key.name)
            ? [property.key.name]
            : [],
        ),
  );
}

const errorsFile = 'src/base/errors.ts';

/** Every error code is raised by the product and by a test: a code that nothing shows is a promise in a table. */
export const everyErrorCodeIsTested: Rule = (files) => {
  const table = files.find((file) => file.path === errorsFile);
  if (table === undefined) return [];
  const codes = errorCodes(table);
  const product = literalsOf(files.filter((file) => /^(src|workers)\//.test(file.path) && file !== table));
  // This folder names codes in its samples, which raises nothing.
  const tests = literalsOf(files.filter((file) => /^test\/(?!tidy\/)/.test(file.path)));
  return codes.flatMap(({ code, start }) => [
    ...(product.has(code) || code === 'INTERNAL'
      ? []
      : [table.violation(start, `${code} is raised nowhere in src or workers`)]),
    ...(tests.has(code) ? [] : [table.violation(start, `${code} stands in no test`)]),
  ]);
};

function errorCodes(table: ProjectFile): readonly { readonly code: string; readonly start: number }[] {
  const codes: { code: string; start: number }[] = [];
  table.visit({
    VariableDeclarator: (node) => {
      if (node.id.type !== 'Identifier' || node.id.name !== 'errorKinds') return;
      let { init } = node;
      while (init?.type === 'TSAsExpression' || init?.type === 'TSSatisfiesExpression')
        init = init.expression;
      if (init?.type !== 'ObjectExpression') return;
      for (const property of init.properties)
        if (property.type === 'Property' && property.key.type === 'Identifier')
          codes.push({ code: property.key.name, start: property.start });
    },
  });
  return codes;
}

function literalsOf(files: readonly ProjectFile[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const file of files) {
    if (!file.isTypeScript) continue;
    file.visit({
      Literal: (node) => {
        if (typeof node.value === 'string') found.add(node.value);
      },
    });
  }
  return found;
}
