/** `npm run crash-test -- --planted` looks for all of them; here a few are, and the others must at least be there. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { plantedBugs } from '../../crash-tests/bug-table.ts';
import { findBug, plant } from '../../crash-tests/planted-bugs.ts';
import { scenarios } from '../../crash-tests/scenarios.ts';

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-plant-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe('planted bugs', () => {
  it('stand for each guarantee', () => {
    const guarantees = new Set(plantedBugs.map(({ guarantee }) => guarantee));
    const wanted = Array.from({ length: 10 }, (_, at) => `G${at + 1}`);
    assert.deepEqual([...guarantees].toSorted(), wanted.toSorted());
  });

  it('are looked for by scenarios that there are', () => {
    const names = new Set(scenarios.map(({ name }) => name));
    assert.deepEqual(
      plantedBugs.filter(({ scenario }) => !names.has(scenario)),
      [],
    );
  });

  for (const bug of plantedBugs) {
    it(`can be planted into this build: ${bug.name}`, () => {
      const file = new URL(`../../dist/${bug.file}`, import.meta.url);
      assert.ok(existsSync(file), `build first: npm run build makes ${bug.file}`);
      assert.equal(readFileSync(file, 'utf8').split(bug.replace).length - 1, 1, `in ${bug.file}`);
    });
  }

  it('are not planted when their text is not there', (t) => {
    const [bug] = plantedBugs;
    assert(bug !== undefined);
    assert.throws(
      () => plant({ ...bug, replace: 'a text that stands nowhere' }, scratch(t)),
      /cannot be planted: its text stands 0 times/,
    );
  });

  for (const name of [
    'fences are not reserved on disk at a start',
    'the index leaves out one delta of nine',
  ]) {
    it(`are found: ${name}`, async () => {
      const bug = plantedBugs.find((one) => one.name === name);
      assert(bug !== undefined);
      const found = await findBug(bug);
      assert.ok(found !== undefined, `${bug.scenario} does not find it`);
      assert.match(found.problem, bug.says);
    });
  }
});
