/** What every `AuditStore` does, however it gets its events to disk. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { AuditAction } from '../../src/audit/audit-action.ts';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, LockId, ProjectId } from '../../src/base/ids.ts';
import type { AuditFilter, AuditStore } from '../../src/store/audit-store.ts';
import { hasCode } from './contract-fixture.ts';
import { at, testNode } from './store-fixture.ts';

export interface AuditStorePlace {
  /** Opens the store; a second time, after a close, it is the same one. */
  open(): Promise<AuditStore>;
}

const node = testNode('own').id;
const app = 'github.com/acme/app' as ProjectId;

export interface EventFields {
  readonly action?: AuditAction;
  readonly holder?: string;
  readonly lock?: string;
  readonly targets?: readonly string[];
  readonly project?: string;
}

export function auditEvent(tick: number, fields: EventFields = {}): AuditEvent {
  return {
    at: at(tick),
    node,
    action: fields.action ?? 'acquired',
    holder: (fields.holder ?? 'claude:one') as AgentId,
    lock: (fields.lock ?? 'lock-1') as LockId,
    fence: tick,
    project: (fields.project ?? app) as ProjectId,
    targets: fields.targets ?? ['src/a.ts'],
    intention: 'mend it',
  };
}

export function auditStoreContract(
  name: string,
  makePlace: (t: TestContext) => Promise<AuditStorePlace> | AuditStorePlace,
  { durable }: { readonly durable: boolean },
): void {
  const withStore =
    (run: (store: AuditStore, place: AuditStorePlace) => Promise<void>) => async (t: TestContext) => {
      const place = await makePlace(t);
      const store = await place.open();
      try {
        await run(store, place);
      } finally {
        await store.close();
      }
    };
  describe(`${name} keeps the contract of an audit store`, () => {
    logging(withStore);
    filtering(withStore);
    ending(withStore, durable);
  });
}

type WithStore = (
  run: (store: AuditStore, place: AuditStorePlace) => Promise<void>,
) => (t: TestContext) => Promise<void>;

function logging(withStore: WithStore): void {
  it(
    'gives back every field of an event',
    withStore(async (store) => {
      const full: AuditEvent = {
        ...auditEvent(1, { action: 'forced' }),
        holderName: 'Änne',
        metadata: { reason: 'stale', nested: { n: 1 } },
      };
      const bare: AuditEvent = { at: at(2), action: 'gap', node };
      assert.deepEqual(await Promise.all([store.logAsync(full), store.logAsync(bare)]), [
        'recorded',
        'recorded',
      ]);
      assert.deepEqual((await store.query({})).events, [bare, full]);
    }),
  );
  it(
    'sees an event that was logged before the query, newest first',
    withStore(async (store) => {
      for (let tick = 1; tick <= 5; tick++) store.log(auditEvent(tick));
      assert.deepEqual(ticks(await store.query({})), [5, 4, 3, 2, 1]);
      const { count, lost } = await store.stats();
      assert.deepEqual({ count, lost }, { count: 5, lost: 0 });
    }),
  );
  it(
    'takes 10 000 events at once and loses none',
    withStore(async (store) => {
      const waits = Array.from({ length: 10_000 }, (_, i) => store.logAsync(auditEvent(i + 1)));
      assert.deepEqual(new Set(await Promise.all(waits)), new Set(['recorded']));
      assert.equal((await store.stats()).count, 10_000);
      assert.equal((await store.query({ limit: 10_000 })).events.length, 10_000);
    }),
  );
}

function filtering(withStore: WithStore): void {
  it(
    'filters by each field, by several at once, and by time',
    withStore(async (store) => {
      await fill(store);
      const finds = async (filter: AuditFilter, expected: number[]) =>
        assert.deepEqual(ticks(await store.query(filter)), expected, JSON.stringify(filter));
      await finds({ holder: 'codex:two' as AgentId }, [6, 3]);
      await finds({ holder: 'codex' as AgentId }, []);
      await finds({ lock: 'lock-2' as LockId }, [4, 3]);
      await finds({ action: 'denied' }, [6, 2]);
      await finds({ action: 'acquired' }, [5, 3, 1]);
      await finds({ project: app }, [6, 4, 3, 2, 1]);
      await finds({ path: 'src/a.ts' }, [6, 5, 4, 1]);
      await finds({ path: 'src/a.ts', project: app }, [6, 4, 1]);
      await finds({ path: 'src/b.ts', project: app }, [6, 2]);
      await finds({ path: 'src/a', project: app }, []);
      await finds({ path: 'src/auth/**', project: app }, [3]);
      await finds({ holder: 'codex:two' as AgentId, action: 'denied' }, [6]);
      await finds({ lock: 'lock-2' as LockId, holder: 'codex:two' as AgentId }, [3]);
      await finds({ from: at(2), to: at(5) }, [4, 3, 2]);
      await finds({ from: at(5), to: at(2) }, []);
      await finds({ holder: 'claude:one' as AgentId, from: at(2), to: at(5) }, [4, 2]);
      await finds({ limit: 0 }, []);
    }),
  );
  it(
    'pages by cursor without telling anything twice, and says when there is no more',
    withStore(async (store) => {
      for (let tick = 1; tick <= 10; tick++)
        store.log(auditEvent(tick, { holder: tick % 2 === 0 ? 'even' : 'odd' }));
      for (const filter of [{}, { holder: 'even' as AgentId }, { path: 'src/a.ts', project: app }]) {
        const seen: number[] = [];
        let cursor: HlcTime | undefined;
        do {
          const page = await store.query({
            ...filter,
            limit: 2,
            ...(cursor === undefined ? {} : { cursor }),
          });
          seen.push(...ticks(page));
          cursor = page.cursor;
        } while (cursor !== undefined);
        const expected = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1].filter((n) => !('holder' in filter) || n % 2 === 0);
        assert.deepEqual(seen, expected);
      }
    }),
  );
  it(
    'finds names and paths of any length and form',
    withStore(async (store) => {
      const long = `src/${'deep/'.repeat(700)}`;
      const targets = [`${long}a.ts:3-9`, `${long}b.ts`, 'ä #1.ts', 'src/x:y.ts'];
      store.log(auditEvent(1, { holder: 'ä'.repeat(200), lock: 'l', targets }));
      store.log(auditEvent(2, { holder: `${'ä'.repeat(199)}b`, lock: 'lo', targets: [`${long}b.ts:1`] }));
      assert.deepEqual(ticks(await store.query({ holder: 'ä'.repeat(200) as AgentId })), [1]);
      assert.deepEqual(ticks(await store.query({ lock: 'l' as LockId })), [1]);
      assert.deepEqual(ticks(await store.query({ project: app, path: `${long}a.ts` })), [1]);
      assert.deepEqual(ticks(await store.query({ project: app, path: `${long}b.ts` })), [2, 1]);
      assert.deepEqual(ticks(await store.query({ project: app, path: 'src/x:y.ts' })), [1]);
      assert.deepEqual(ticks(await store.query({ project: app, path: long })), []);
    }),
  );
}

async function fill(store: AuditStore): Promise<void> {
  store.log(auditEvent(1));
  store.log(auditEvent(2, { action: 'denied', targets: ['src/b.ts:10-20', 'src/b.ts:30-'] }));
  store.log(auditEvent(3, { holder: 'codex:two', lock: 'lock-2', targets: ['src/auth/**'] }));
  store.log(auditEvent(4, { action: 'released', lock: 'lock-2', targets: ['src/a.ts#function:login'] }));
  store.log(auditEvent(5, { project: 'github.com/acme/lib' }));
  const both = ['src/a.ts:1-5', 'src/b.ts#class:A'];
  await store.logAsync(
    auditEvent(6, { action: 'denied', holder: 'codex:two', lock: 'lock-3', targets: both }),
  );
}

function ending(withStore: WithStore, durable: boolean): void {
  it(
    'drops what is older, and nothing else',
    withStore(async (store) => {
      await fill(store);
      assert.equal(await store.compact(at(4)), 3);
      assert.equal(await store.compact(at(4)), 0);
      assert.deepEqual(ticks(await store.query({})), [6, 5, 4]);
      assert.deepEqual(ticks(await store.query({ holder: 'codex:two' as AgentId })), [6]);
      assert.deepEqual(ticks(await store.query({ action: 'denied' })), [6]);
      assert.deepEqual(ticks(await store.query({ path: 'src/b.ts', project: app })), [6]);
      assert.equal((await store.stats()).count, 3);
      assert.equal(await store.compact(at(100)), 3);
      assert.deepEqual(await store.query({}), { events: [] });
    }),
  );
  it(
    'closes twice; a query after that is refused',
    withStore(async (store) => {
      await Promise.all([store.close(), store.close()]);
      await assert.rejects(async () => store.query({}), hasCode('STORE_CLOSED'));
    }),
  );
  if (!durable) return;
  it(
    'keeps what was logged before the close',
    withStore(async (store, place) => {
      store.log(auditEvent(1));
      store.log(auditEvent(2, { holder: 'codex:two' }));
      await store.close();
      const again = await place.open();
      try {
        await again.logAsync(auditEvent(3));
        assert.deepEqual(ticks(await again.query({})), [3, 2, 1]);
        assert.deepEqual(ticks(await again.query({ holder: 'codex:two' as AgentId })), [2]);
        assert.equal((await again.stats()).count, 3);
      } finally {
        await again.close();
      }
    }),
  );
}

function ticks(page: { readonly events: readonly AuditEvent[] }): number[] {
  return page.events.map((event) => event.at - at(0));
}
