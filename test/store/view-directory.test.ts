import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { straceWorks } from '../../crash-tests/power-loss/power-loss.ts';
import { lockFileName } from '../../src/store/data-file.ts';
import { openEnvironment } from '../../src/store/environment.ts';
import { withViews } from '../../src/store/view-directory.ts';
import { tempDirectory } from './store-fixture.ts';
import { entries, key, openStore, readBeside } from './view-fixture.ts';

it('a view has a lock file of its own, and is gone afterwards', async (t) => {
  const directory = tempDirectory(t);
  const store = openStore(directory);
  store.write();
  await store.environment.close();
  const before = readdirSync(directory).filter((name) => name !== lockFileName);
  let seen = '';
  await assert.rejects(
    withViews(
      join(directory, 'views'),
      { store: directory, none: undefined, missing: join(directory, 'nothing') },
      async (views) => {
        seen = views.store;
        assert.equal(views.none, undefined);
        const view = openEnvironment(views.store, { durability: 'flush', readOnly: true });
        assert.equal(view.table('t').get(key(7))?.toString(), 'write 1');
        assert.ok(existsSync(join(views.store, lockFileName)));
        await view.close();
        throw new Error('what fails leaves nothing either');
      },
    ),
    /leaves nothing/,
  );
  assert.equal(existsSync(seen), false);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name !== lockFileName),
    before,
  );
});

it('a view of a store that is pinned reads one commit, whatever is written meanwhile', async (t) => {
  const store = openStore(tempDirectory(t));
  store.write();
  const release = store.environment.pin();
  const { newest, found } = await readBeside(store, 'view', 0);
  release();
  assert.equal(found.length, entries);
  const [of, ...others] = new Set(found);
  assert.deepEqual(others, []);
  assert.ok(Number(of?.split(' ')[1]) <= newest, `${of}, and ${newest} was the newest`);
  // What the pin is for: its pages are used for others.
  let later: readonly string[] = [];
  for (let read = 0; read < 10 && later.length === 0; read += 1) {
    const unpinned = await readBeside(store, 'view', 0);
    later = unpinned.found.filter((text) => Number(text.split(' ')[1]) > unpinned.newest);
  }
  assert.notDeepEqual(later, []);
  await store.environment.close();
});

it('a slow open of a view beside a writer takes no commit from it (needs strace)', {
  skip: straceWorks() ? false : 'strace is missing or may not trace here: apt-get install strace',
}, async (t) => {
  const store = openStore(tempDirectory(t));
  store.write();
  const release = store.environment.pin();
  for (let open = 0; open < 3; open += 1) await readBeside(store, 'view', 50);
  release();
  await store.environment.close();
  // What the view is for: about each second open of the store itself takes a commit. LMDB may be mended one day: then this fails.
  const victim = [
    '--import',
    import.meta.resolve('tsx'),
    fileURLToPath(new URL('view-victim.ts', import.meta.url)),
  ];
  const { status, stderr } = spawnSync(process.execPath, [...victim, tempDirectory(t)], { encoding: 'utf8' });
  // null: LMDB read a page that is none.
  assert.ok(status === null || /a commit is gone|MDB_/.test(stderr), `exit code ${status}: ${stderr}`);
});
