import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cluster } from './cluster-fixture.ts';

describe('a claim', () => {
  it('is granted within the call, and without a message, where nobody else is a member', () => {
    const cluster = new Cluster(1);
    const request = cluster.claim(0, 'alice', 'a.ts');
    assert.equal(cluster.granted(request).lock.assurance, 'cluster');
    cluster.pass(10_000);
    assert.equal(cluster.sent.length, 0);
  });

  it('is granted by a majority in one round trip, with a higher fence than what it follows', () => {
    const cluster = new Cluster(3);
    const first = cluster.claim(0, 'alice', 'a.ts');
    cluster.pass(5);
    cluster.release(0, cluster.granted(first));
    cluster.pass(5);
    const second = cluster.claim(1, 'bob', 'a.ts:3-9');
    cluster.pass(5);
    assert.equal(cluster.granted(second).lock.assurance, 'cluster');
    assert.ok(cluster.granted(second).lock.fence > cluster.granted(first).lock.fence);
  });

  it('is denied with who holds what overlaps, on any node', () => {
    const cluster = new Cluster(3);
    const first = cluster.claim(0, 'alice', 'src/a.ts', { intention: 'rewrites a' });
    cluster.pass(5);
    const second = cluster.claim(2, 'bob', ['docs/x.md', 'src/**']);
    cluster.pass(5);
    const { cause, obstacle } = cluster.denied(second);
    assert.equal(cause, 'held');
    assert.equal(obstacle?.id, cluster.granted(first).lock.id);
    assert.equal(obstacle?.agent, 'alice');
    assert.equal(obstacle?.intention, 'rewrites a');
    assert.equal(obstacle?.overlap, 'contains');
  });

  it('shares what is shared, and renews what its agent holds already', () => {
    const cluster = new Cluster(3);
    const shared = [0, 1].map((at) => cluster.claim(at, 'alice', 'a.ts', { mode: 'shared' }));
    cluster.pass(5);
    const ids = shared.map((request) => cluster.granted(request).lock.id);
    const again = cluster.claim(0, 'alice', 'a.ts', { mode: 'shared' });
    assert.equal(cluster.granted(again).renewed, true);
    assert.equal(cluster.granted(again).lock.id, ids[0]);
    assert.notEqual(ids[0], ids[1]);
  });

  it('that races another is lost to it or wins, never both or neither', () => {
    for (let round = 0; round < 20; round += 1) {
      const cluster = new Cluster(2 + (round % 4));
      const requests = cluster.nodes.map((_, at) => cluster.claim(at, 'alice', 'a.ts'));
      cluster.pass(1000);
      const won = requests.filter((request) => cluster.answer(request)?.kind === 'granted');
      assert.equal(won.length, 1);
      for (const request of requests)
        if (request !== won[0])
          assert.equal(cluster.denied(request).obstacle?.id, cluster.granted(won[0] ?? 0).lock.id);
    }
  });
});

describe('a claim that waits', () => {
  it('gets its turn in the order of arrival, whatever node it waits on', () => {
    const cluster = new Cluster(3);
    const held = cluster.claim(0, 'alice', 'a.ts');
    cluster.pass(5);
    const waiting = [2, 1, 0, 2].map((at, nth) => {
      const request = cluster.claim(at, `waiter-${nth}`, 'a.ts', {}, 8000);
      cluster.pass(10);
      return { at, request };
    });
    let before = { at: 0, request: held };
    for (const next of waiting) {
      assert.equal(cluster.answer(next.request), undefined);
      cluster.release(before.at, cluster.granted(before.request));
      cluster.pass(10);
      assert.equal(cluster.granted(next.request).lock.assurance, 'cluster');
      before = next;
    }
  });

  it('is not overtaken by one that does not wait', () => {
    const cluster = new Cluster(3);
    cluster.claim(0, 'alice', 'a.ts:1-9');
    cluster.pass(5);
    cluster.claim(1, 'bob', ['a.ts:1-9', 'b.ts'], {}, 8000);
    cluster.pass(5);
    const late = cluster.claim(2, 'carol', 'b.ts');
    cluster.pass(5);
    assert.equal(cluster.denied(late).cause, 'queued');
    assert.equal(cluster.denied(late).obstacle?.agent, 'bob');
  });

  it('is told when its wait is over', () => {
    const cluster = new Cluster(3);
    cluster.claim(0, 'alice', 'a.ts');
    cluster.pass(5);
    const late = cluster.claim(1, 'bob', 'a.ts', {}, 700);
    cluster.pass(650);
    assert.equal(cluster.answer(late), undefined);
    cluster.pass(100);
    assert.equal(cluster.denied(late).cause, 'timeout');
    assert.equal(cluster.denied(late).obstacle?.agent, 'alice');
  });

  it('is refused when it closes a cycle across nodes, and the cycle is spelled out', () => {
    const cluster = new Cluster(3);
    const targets = ['a.ts', 'b.ts', 'c.ts'];
    for (const [at, path] of targets.entries()) cluster.claim(at, `agent-${at}`, path, { ttlMs: 8000 });
    cluster.pass(5);
    const waiting = targets.map((_, at) => {
      const request = cluster.claim(at, `agent-${at}`, targets[(at + 1) % 3] ?? '', {}, 6000);
      cluster.pass(10);
      return request;
    });
    const { cause, cycle } = cluster.denied(waiting[2] ?? 0);
    assert.equal(cause, 'deadlock');
    assert.deepEqual(cycle?.map(({ agent }) => agent).toSorted(), ['agent-0', 'agent-1', 'agent-2']);
    assert.equal(cluster.answer(waiting[0] ?? 0), undefined);
    assert.equal(cluster.answer(waiting[1] ?? 0), undefined);
  });
});

describe('a lease', () => {
  it('is extended with all others of its node in one message per member', () => {
    const cluster = new Cluster(3);
    for (let at = 0; at < 40; at += 1) cluster.claim(0, 'alice', `src/${at}.ts`, { ttlMs: 8000 });
    cluster.pass(1000);
    const { sim } = cluster;
    const node = cluster.node(0);
    cluster.sent.length = 0;
    for (let round = 0; round < 10; round += 1) {
      sim.call(node, (agreement) => agreement.touch(node.now(sim.nowMs), 'alice' as never));
      for (const { lock } of sim.judge.active()) sim.judge.extended(lock.id, sim.nowMs);
      cluster.pass(2000);
    }
    const keeps = cluster.sent.filter(({ message }) => message.body.kind === 'keep');
    assert.equal(node.agreement?.locks().length, 40);
    assert.ok(keeps.length > 0 && keeps.length <= 2 * 20, `${keeps.length} messages in 20 s`);
  });

  it('ends with its ttl when its node dies', () => {
    const cluster = new Cluster(3);
    cluster.claim(0, 'alice', 'a.ts', { ttlMs: 3000 });
    cluster.pass(20);
    cluster.sim.crash(cluster.node(0));
    const early = cluster.claim(1, 'bob', 'a.ts');
    cluster.pass(2000);
    assert.equal(cluster.denied(early).cause, 'held');
    cluster.pass(1300);
    const late = cluster.claim(1, 'bob', 'a.ts');
    cluster.pass(50);
    assert.equal(cluster.granted(late).lock.assurance, 'cluster');
  });

  it('is ended by force from another node, and its holder is told by whom and why', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    const request = cluster.claim(0, 'alice', 'a.ts');
    cluster.pass(20);
    const { lock } = cluster.granted(request);
    sim.judge.allowedEnds.add(`forced ${lock.id}`);
    const by = cluster.node(2);
    sim.call(by, (agreement) => agreement.force(by.now(sim.nowMs), 99, lock.id, 'a person', 'in the way'));
    cluster.pass(20);
    assert.deepEqual(cluster.answer(99), { kind: 'force-answered', request: 99, done: true });
    assert.equal(cluster.ended()[0]?.cause, 'forced');
    assert.equal(cluster.ended()[0]?.by, 'a person');
    const next = cluster.claim(2, 'bob', 'a.ts');
    cluster.pass(20);
    assert.equal(cluster.granted(next).lock.assurance, 'cluster');
  });

  it('is in doubt after a sleep, and good again once a majority says that it never let go', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    const request = cluster.claim(0, 'alice', 'a.ts', { ttlMs: 8000 });
    cluster.pass(20);
    const { id } = cluster.granted(request).lock;
    sim.stop(cluster.node(0), 3000, true);
    cluster.pass(2999.9);
    const seen: boolean[] = [];
    sim.at(sim.nowMs + 0.11, () => seen.push(sim.isGood(cluster.node(0), id)));
    cluster.pass(100);
    assert.deepEqual(seen, [false]);
    assert.equal(sim.isGood(cluster.node(0), id), true);
  });
});
