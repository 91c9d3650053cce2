import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { lockFileName } from '../../src/store/data-file.ts';
import { openEnvironment } from '../../src/store/environment.ts';
import { withViews } from '../../src/store/view-directory.ts';
import { tempDirectory } from './store-fixture.ts';

const entries = 300;
const key = (at: number) => Buffer.from(`key ${String(at).padStart(4, '0')}`);

function openStore(directory: string) {
  const environment = openEnvironment(directory, { durability: 'flush', writer: true });
  const table = environment.table('t');
  return {
    environment,
    write: (text: string) =>
      environment.write(() => {
        for (let at = 0; at < entries; at += 1) table.put(key(at), Buffer.from(`${text} ${at}`));
      }),
  };
}

it('a view has a lock file of its own, and is gone afterwards', async (t) => {
  const directory = tempDirectory(t);
  const store = openStore(directory);
  store.write('first');
  await store.environment.close();
  const before = readdirSync(directory).filter((name) => name !== lockFileName);
  let seen = '';
  await assert.rejects(
    withViews({ store: directory, missing: join(directory, 'nothing') }, async (views) => {
      seen = views.store;
      const view = openEnvironment(views.store, { durability: 'flush', readOnly: true });
      assert.equal(view.table('t').get(key(7))?.toString(), 'first 7');
      assert.ok(existsSync(join(views.store, lockFileName)));
      await view.close();
      throw new Error('what fails leaves nothing either');
    }),
    /leaves nothing/,
  );
  assert.equal(existsSync(seen), false);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name !== lockFileName),
    before,
  );
});
