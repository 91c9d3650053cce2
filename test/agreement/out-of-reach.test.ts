/** What a member does while others, its disk or it itself say nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cluster } from './cluster-fixture.ts';

/** Three nodes, of which the first has a view to write and a disk that takes so long for each write. */
function writing(diskMs: number) {
  const cluster = new Cluster(3);
  const { sim } = cluster;
  const node = cluster.node(0);
  node.diskMs = diskMs;
  sim.call(node, (agreement) => agreement.change(node.now(sim.nowMs), cluster.node(2).id, 'out'));
  cluster.pass(100);
  return { cluster, node };
}

describe('a disk', () => {
  it('that does not answer leaves no claim without an answer, and no message that rests on it is sent', () => {
    const { cluster, node } = writing(1e6);
    cluster.sent.length = 0;
    const request = cluster.claim(0, 'alice', 'a.ts');
    cluster.pass(1600);
    assert.equal(cluster.answer(request), undefined, 'the disk was not waited for');
    cluster.pass(1300);
    assert.equal(cluster.denied(request).cause, 'disk');
    assert.equal(cluster.sent.filter(({ from }) => from === node).length, 0);
  });

  it('that is slow holds a claim up no longer than it takes, and no grant of this node alone comes of it', () => {
    const { cluster } = writing(780);
    const request = cluster.claim(0, 'alice', 'a.ts');
    cluster.pass(3000);
    assert.equal(cluster.granted(request).lock.assurance, 'cluster');
  });
});

describe('a start', () => {
  it('waits for members whose connections take long to make, and grants nothing of its own in the place of theirs', () => {
    const cluster = new Cluster(3);
    const held = cluster.claim(0, 'alice', 'a.ts', { ttlMs: 8000 });
    cluster.pass(20);
    cluster.restart(2);
    cluster.isolate(2, 2200);
    cluster.pass(1000);
    const request = cluster.claim(2, 'bob', 'a.ts');
    cluster.pass(1500);
    assert.equal(cluster.denied(request).obstacle?.id, cluster.granted(held).lock.id);
  });

  it('out of reach of all others grants on its own once a claim has waited its time', () => {
    const cluster = new Cluster(3);
    cluster.restart(2);
    cluster.isolate(2, 6000);
    const request = cluster.claim(2, 'bob', 'a.ts');
    cluster.pass(1600);
    assert.equal(cluster.answer(request), undefined, 'it was not waited for');
    cluster.pass(1000);
    assert.equal(cluster.granted(request).lock.assurance, 'local');
  });

  it('waits for members to which a connection was made just now, however late that was', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    const held = cluster.claim(0, 'alice', 'a.ts', { ttlMs: 10_000 });
    cluster.pass(20);
    cluster.restart(2);
    cluster.isolate(2, 3200);
    cluster.pass(2300);
    sim.met(cluster.node(2), [cluster.node(0), cluster.node(1)]);
    cluster.pass(400);
    const request = cluster.claim(2, 'bob', 'a.ts');
    cluster.pass(1000);
    assert.equal(cluster.denied(request).obstacle?.id, cluster.granted(held).lock.id);
  });

  it('of all members grants once they agree on a view, and to one, though none promises before', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    for (const node of cluster.nodes) {
      node.diskMs = 100;
      sim.crash(node);
    }
    for (const node of cluster.nodes) sim.start(node);
    cluster.pass(250);
    assert.ok(cluster.nodes.every(({ agreement }) => agreement?.isReady === false));
    const requests = [0, 1].map((at) => cluster.claim(at, `agent ${at}`, 'a.ts'));
    cluster.pass(3000);
    const answers = requests.map((request) => cluster.answer(request));
    assert.deepEqual(answers.map((answer) => answer?.kind).toSorted(), ['denied', 'granted']);
    const granted = answers.find((answer) => answer?.kind === 'granted');
    assert.equal(granted?.kind === 'granted' && granted.lock.assurance, 'cluster');
  });

  it('proposes no view, and so writes nothing, before a majority was heard', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    sim.crash(cluster.node(2));
    cluster.isolate(2, 2000);
    sim.start(cluster.node(2));
    cluster.pass(1900);
    assert.equal(cluster.node(2).disk?.ballot, 0);
    cluster.pass(1500);
    assert.equal(cluster.node(2).agreement?.isReady, true);
  });
});

describe('a node that did nothing for a while', () => {
  it('does not take that for the silence of the others', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    cluster.isolate(0, 4001);
    sim.stop(cluster.node(0), 4000, false);
    cluster.pass(4000.5);
    const request = cluster.claim(0, 'alice', 'a.ts');
    assert.equal(cluster.answer(request), undefined);
    cluster.pass(1500);
    assert.equal(cluster.granted(request).lock.assurance, 'cluster');
  });
});

describe('promises of different rounds', () => {
  it('are brought together although what asks for it is lost', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    cluster.isolate(0, 2200);
    cluster.pass(1750);
    // In the way of the next claim here, and nowhere else: so only the others promise that, in rounds below those of this node.
    cluster.claim(0, 'al', 'src/a.ts', { ttlMs: 20_000 });
    sim.cut((_, to) => to === 0, sim.nowMs + 4200);
    cluster.pass(460);
    const request = cluster.claim(0, 'alice', 'src/**', {}, 12_000);
    cluster.pass(700);
    for (const name of ['bo', 'cy', 'di']) cluster.claim(0, name, 'docs/d.md', { mode: 'shared' }, 8000);
    cluster.pass(3000);
    const isRaised = () => cluster.sent.some(({ message }) => message.body.kind === 'raise');
    sim.network.cut((from) => from === 0 && isRaised(), sim.nowMs + 1200);
    cluster.pass(1200);
    assert.equal(isRaised() && cluster.answer(request), undefined, 'it was not lost');
    cluster.pass(1000);
    assert.equal(cluster.granted(request).lock.assurance, 'cluster');
  });
});

describe('a partition', () => {
  it('leaves local grants to the smaller part, which give way afterwards, and their holder is told to whom', () => {
    const cluster = new Cluster(3);
    const { sim } = cluster;
    cluster.isolate(0, 6000);
    cluster.pass(2500);
    const local = cluster.claim(0, 'alice', 'a.ts', { ttlMs: 8000 });
    assert.equal(cluster.granted(local).lock.assurance, 'local');
    const agreed = cluster.claim(1, 'bob', 'a.ts', { ttlMs: 8000 });
    cluster.pass(20);
    assert.equal(cluster.granted(agreed).lock.assurance, 'cluster');
    assert.ok(cluster.granted(agreed).lock.fence > 0);
    cluster.pass(5000);
    const [ended] = cluster.ended();
    assert.equal(ended?.lock.id, cluster.granted(local).lock.id);
    assert.equal(ended?.why, 'gave-way');
    assert.equal(ended?.winner?.agent, 'bob');
    assert.equal(sim.isGood(cluster.node(1), cluster.granted(agreed).lock.id), true);
  });

  it('denies a connected node of the smaller part what another one there got', () => {
    const cluster = new Cluster(5);
    const { sim } = cluster;
    sim.cut((from, to) => from < 2 !== to < 2, sim.nowMs + 6000);
    cluster.pass(2500);
    const requests = [0, 1].map((at) => cluster.claim(at, 'alice', 'a.ts'));
    cluster.pass(1600);
    const kinds = requests.map((request) => cluster.answer(request)?.kind).toSorted();
    assert.deepEqual(kinds, ['denied', 'granted']);
  });
});
