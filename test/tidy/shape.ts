import type { Node } from 'oxc-parser';
import { inProduct, type ProjectFile, type Rule, type Violation } from './source-file.ts';

/** Over this a file holds two rooms. The aim is 300. */
const maxFileLines = 350;
/** What fits on a screen (TigerBeetle's rule). */
const maxFunctionLines = 70;

const vagueNames: ReadonlySet<string> = new Set([
  'index',
  'util',
  'utils',
  'common',
  'helper',
  'helpers',
  'manager',
  'types',
  'misc',
  'shared',
]);

function typeScript(files: readonly ProjectFile[]): readonly ProjectFile[] {
  return files.filter((file) => file.isTypeScript);
}

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

export const filesAreShort: Rule = (files) =>
  typeScript(files)
    .filter((file) => lineCount(file.text) > maxFileLines)
    .map((file) => ({
      path: file.path,
      line: 1,
      what: `${lineCount(file.text)} lines, at most ${maxFileLines}: which two things does it hold?`,
    }));

interface FunctionNode {
  readonly start: number;
  readonly end: number;
  readonly body: Node | null;
}

export const functionsAreShort: Rule = (files) =>
  typeScript(files).flatMap((file) => {
    const found: Violation[] = [];
    const check = (node: FunctionNode) => {
      const lines = file.lineAt(node.end) - file.lineAt(node.start) + 1;
      if (lines <= maxFunctionLines || (file.path.startsWith('test/') && listsTests(node))) return;
      found.push(file.violation(node.start, `a function of ${lines} lines, at most ${maxFunctionLines}`));
    };
    file.visit({ FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check });
    return found;
  });

/** A callback of `describe`, or a contract suite: no function to be read at one go, but a list of tests. */
function listsTests({ body }: FunctionNode): boolean {
  if (body?.type !== 'BlockStatement') return false;
  return body.body.some(
    (statement) =>
      statement.type === 'ExpressionStatement' &&
      statement.expression.type === 'CallExpression' &&
      statement.expression.callee.type === 'Identifier' &&
      /^(it|test|describe|suite)/.test(statement.expression.callee.name),
  );
}

export const namesSayWhatIsInside: Rule = (files) =>
  typeScript(files).flatMap((file): readonly Violation[] => {
    const parts = file.path.replace(/(\.test)?\.tsx?$/, '').split('/');
    const found: string[] = [];
    for (const part of parts)
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part)) found.push(`the name ${part} is not kebab-case`);
    if (inProduct(file))
      for (const part of parts)
        if (vagueNames.has(part)) found.push(`the name ${part} says nothing about what is inside`);
    return found.map((what) => ({ path: file.path, line: 1, what }));
  });

/** A file that only passes names on is a second address for one thing. */
export const noBarrels: Rule = (files) =>
  files.filter(inProduct).flatMap((file): readonly Violation[] => {
    const reexport = file.imports.find((edge) => edge.isReexport);
    if (reexport === undefined) return [];
    const onlyPassesOn = file.program.body.every(
      (node) =>
        node.type === 'ImportDeclaration' ||
        node.type === 'ExportAllDeclaration' ||
        (node.type === 'ExportNamedDeclaration' && node.declaration === null),
    );
    return onlyPassesOn
      ? [
          {
            path: file.path,
            line: reexport.line,
            what: 'only passes on what other files export: import those',
          },
        ]
      : [];
  });

/** This folder names the words in its pattern and samples. */
const ownFolder = 'test/tidy/';
const promise = /\b(TODO|FIXME|XXX)\b(\([\w-]+\))?/g;

export const promisesHaveAnOwner: Rule = (files) =>
  files
    .filter((file) => /\.(tsx?|md|json|yml|sh|html|css|js)$|^\.ci\//.test(file.path))
    .filter((file) => !file.path.startsWith(ownFolder))
    .flatMap((file) =>
      [...file.text.matchAll(promise)]
        .filter((match) => match[2] === undefined)
        .map((match) =>
          file.violation(match.index, `${match[1]} without an owner: finish it, or write ${match[1]}(name)`),
        ),
    );
