/** Runs a rule over the project, and over samples that show that it can fail. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { projectFiles } from './project-files.ts';
import { ProjectFile, type Rule, type Violation } from './source-file.ts';

/** A made-up tree: path → text. */
type Tree = Readonly<Record<string, string>>;

interface Samples {
  /** Name of a bad sample → its tree and the one finding expected, as it is printed. */
  readonly bad: Readonly<Record<string, { readonly files: Tree; readonly finds: string }>>;
  /** Name of a sample that lies close to a bad one and is allowed. */
  readonly good?: Readonly<Record<string, Tree>>;
}

/**
 * The tests of one rule. A rule without a bad sample that it finds would be a check that cannot fail, so at least one
 * is asked for.
 */
export function describeRule(title: string, rule: Rule, samples: Samples): void {
  describe(title, () => {
    it('holds in this project', () => {
      const found = rule(projectFiles()).map(printed);
      assert.equal(found.length, 0, `${found.length} violations\n${found.join('\n')}`);
    });
    assert.ok(Object.keys(samples.bad).length > 0, 'a rule shows what it finds');
    for (const [name, { files, finds }] of Object.entries(samples.bad)) {
      it(`finds ${name}`, () => assert.deepEqual(rule(treeOf(files)).map(printed), [finds]));
    }
    for (const [name, files] of Object.entries(samples.good ?? {})) {
      it(`allows ${name}`, () => assert.deepEqual(rule(treeOf(files)).map(printed), []));
    }
  });
}

function printed(violation: Violation): string {
  return `${violation.path}:${violation.line}: ${violation.what}`;
}

function treeOf(files: Tree): readonly ProjectFile[] {
  return Object.entries(files).map(([path, text]) => new ProjectFile(path, text));
}
