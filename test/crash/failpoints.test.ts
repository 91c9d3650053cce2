import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failpointsOf, presentFailpoints } from '../../crash-tests/failpoints.ts';

/** What the scenarios arm: by these beginnings, or by `lane.place`. */
const armed = [
  /^(persist|index|audit|compact)\.(taken|step|applied|released)$/,
  /^log\.append$/,
  /^(start|stop|compact|reclaim|backup|restore|migrate|repair|peers)\./,
];

describe('failpoints', () => {
  it('are found in the sources in each form in which they stand there', () => {
    const known = failpointsOf('sources');
    for (const name of ['start.fences', 'audit.taken', 'reclaim.ready', 'backup.copying', 'repair.aside'])
      assert.ok(known.has(name), name);
  });

  it('are each armed by a scenario', () => {
    const known = [...failpointsOf('sources')];
    assert.deepEqual(
      known.filter((name) => !armed.some((pattern) => pattern.test(name))),
      [],
    );
  });

  it('are taken by their whole names, or by a beginning that ends in a dot', () => {
    assert.deepEqual(presentFailpoints('sources', ['log.append']), ['log.append']);
    const start = presentFailpoints('sources', ['start.']);
    assert.ok(start.length > 3 && start.every((name) => name.startsWith('start.')));
  });

  it('are not armed when there are none: that would prove nothing', () => {
    for (const name of ['start', 'no.such', 'nothing.'])
      assert.throws(() => presentFailpoints('sources', [name]), /has no failpoint/);
  });
});
