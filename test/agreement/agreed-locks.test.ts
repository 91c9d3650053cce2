/** The agreement in the form of the lock table: what its callers are told, for each thing that can happen. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LockId, ProjectId, RepoPath } from '../../src/base/ids.ts';
import type { Refusal, Released, Renewed } from '../../src/lock/outcome.ts';
import { wholeFile } from '../../src/lock/scope.ts';
import { AgreedNetwork, agentId } from './agreed-network.ts';

const project = 'p' as ProjectId;
const file = { project, path: 'a.ts' as RepoPath, scope: wholeFile };
const three = ['ann', 'bob', 'cy'];
const alice = agentId('alice');

function actions(network: AgreedNetwork, name: string): readonly string[] {
  return network.node(name).transitions.map(({ action }) => action);
}

describe('locks that nodes agree on', () => {
  it('are granted within the call, with a fence above those of before, where nobody else is a member', () => {
    const network = new AgreedNetwork(['ann']);
    const { answer } = network.claim('ann', 'alice', 'a.ts');
    assert.equal(answer?.outcome, 'granted');
    assert.ok(
      answer.outcome === 'granted' && answer.lock.assurance === 'cluster' && answer.lock.fence >= 5 * 1024,
    );
    assert.deepEqual(actions(network, 'ann'), ['acquired']);
  });

  it('are denied with who holds them and where, and listed by every node', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts');
    assert.equal(lock.node, undefined);
    const denial = network.denied('bob', 'bert', 'a.ts');
    assert.deepEqual([denial.reason, denial.holder, denial.lockId], ['held', 'alice', lock.id]);
    assert.deepEqual(
      denial.blockers.map(({ node, nodeName }) => [node, nodeName]),
      [['ann', 'laptop of ann']],
    );
    const [listed] = network.node('cy').locks.list({ project, path: file.path });
    assert.deepEqual([listed?.id, listed?.node, listed?.fence], [lock.id, 'ann', lock.fence]);
    assert.deepEqual(network.node('cy').locks.list({ agent: alice }), []);
    assert.deepEqual(
      network
        .node('ann')
        .locks.list({ agent: alice })
        .map(({ id }) => id),
      [lock.id],
    );
    assert.deepEqual(actions(network, 'bob'), ['denied']);
  });

  it('are waited for across nodes, which why and the waiters show, and taken over on release', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts');
    const waiting = network.claim('bob', 'bert', 'a.ts', { waitMs: 10_000 });
    network.pass(50);
    assert.deepEqual(actions(network, 'bob'), ['waited']);
    for (const { locks } of network.nodes) {
      assert.deepEqual(
        locks.why(file).waiters.map(({ agent }) => agent),
        ['bert'],
      );
      assert.deepEqual(
        locks.waiters().map(({ agent }) => agent),
        ['bert'],
      );
    }
    assert.equal(network.node('ann').locks.release(lock.id, alice).outcome, 'released');
    network.pass(20);
    assert.ok(waiting.answer?.outcome === 'granted' && waiting.answer.lock.fence > lock.fence);
  });

  it('end a wait that is cancelled, and deny every claim once closed', () => {
    const network = new AgreedNetwork(three);
    network.granted('ann', 'alice', 'a.ts');
    const waiting = network.claim('bob', 'bert', 'a.ts', { waitMs: 10_000 });
    network.pass(50);
    const { locks } = network.node('bob');
    assert.equal(locks.cancelWait(waiting.ticket ?? 0), true);
    assert.equal(locks.cancelWait(waiting.ticket ?? 0), false);
    assert.ok(waiting.answer?.outcome === 'denied' && waiting.answer.reason === 'cancelled');
    locks.close();
    assert.equal(network.denied('bob', 'bert', 'b.ts').reason, 'cancelled');
  });

  it('are free for the others at once when their daemon stops, and end for their holder with a restart', () => {
    const network = new AgreedNetwork(three);
    network.granted('ann', 'alice', 'a.ts');
    network.node('ann').locks.close();
    assert.deepEqual(network.node('ann').transitions.at(-1)?.action, 'lost');
    network.pass(20);
    network.granted('bob', 'bert', 'a.ts');
  });

  it('are renewed by their holder alone, while they are held', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts', { ttlMs: 10_000 });
    const { locks } = network.node('ann');
    const answers: (Renewed | Refusal)[] = [];
    const renew = (id: LockId, agent: string, fence?: number) => {
      const first = locks.renew(id, agentId(agent), fence === undefined ? {} : { fence }, (answer) =>
        answers.push(answer),
      );
      if (first.outcome !== 'pending') answers.push(first);
      network.pass(20);
      return answers.at(-1);
    };
    network.pass(5000);
    const renewed = renew(lock.id, 'alice');
    assert.ok(renewed?.outcome === 'renewed' && renewed.lock.expiresAtMs > lock.expiresAtMs);
    const reasons = [
      renew(lock.id, 'bert'),
      renew(lock.id, 'alice', 1),
      renew('lk_none' as LockId, 'alice'),
    ].map((answer) => (answer?.outcome === 'refused' ? answer.reason : answer?.outcome));
    assert.deepEqual(reasons, ['not-holder', 'stale-fence', 'unknown']);
    network.split(['ann']);
    const first = locks.renew(lock.id, alice, {}, (answer) => answers.push(answer));
    assert.equal(first.outcome, 'pending');
    network.pass(4000);
    const late = answers.at(-1);
    assert.ok(late?.outcome === 'refused' && late.reason === 'no-majority' && late.lock?.id === lock.id);
  });

  it('are ended by force from any node, and their holder is told by whom and why', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts');
    network.pass(100);
    const answers: (Released | Refusal)[] = [];
    const { locks } = network.node('cy');
    locks.force(lock.id, 'carol', 'alice is on leave', (answer) => answers.push(answer));
    network.pass(20);
    assert.deepEqual(
      answers.map(({ outcome }) => outcome),
      ['released'],
    );
    const { notices } = network.node('ann').locks.takeNotices(alice);
    assert.deepEqual(
      notices.map(({ cause, by, reason }) => [cause, by, reason]),
      [['forced', 'carol', 'alice is on leave']],
    );
    const checked = network.node('ann').locks.check(lock.id);
    assert.ok(checked.outcome === 'refused' && checked.reason === 'forced');
    const unknown = locks.force('lk_none' as LockId, 'carol', 'no', () => {});
    assert.ok(unknown.outcome === 'refused' && unknown.reason === 'unknown');
  });

  it('are checked where they are held, with their fence, and by the fence of an earlier life', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts');
    network.pass(100);
    const reasonOn = (name: string, id: LockId, fence?: number) => {
      const checked = network.node(name).locks.check(id, fence);
      return checked.outcome === 'refused' ? checked.reason : checked.outcome;
    };
    assert.equal(reasonOn('ann', lock.id, lock.fence), 'valid');
    assert.equal(reasonOn('ann', lock.id, lock.fence + 1), 'stale-fence');
    assert.equal(reasonOn('bob', lock.id), 'elsewhere');
    assert.equal(reasonOn('ann', 'lk_old' as LockId, 1), 'restart');
    assert.equal(reasonOn('ann', 'lk_old' as LockId), 'unknown');
  });

  it('are in doubt after the machine slept, until the members confirm them', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts');
    network.pass(100);
    network.wallAheadMs.set('ann', 5000);
    const { locks } = network.node('ann');
    const checked = locks.check(lock.id);
    assert.ok(checked.outcome === 'refused' && checked.reason === 'unconfirmed');
    assert.deepEqual(locks.list({ agent: alice }), []);
    network.pass(50);
    assert.equal(locks.check(lock.id).outcome, 'valid');
  });

  it('without a majority are local, and the one that gives way is told who holds it', () => {
    const network = new AgreedNetwork(three);
    network.split(['ann']);
    network.pass(3000);
    const first = network.granted('ann', 'alice', 'a.ts');
    assert.equal(first.assurance, 'local');
    const second = network.granted('bob', 'bert', 'a.ts', { ttlMs: 600_000 });
    assert.equal(second.assurance, 'cluster');
    assert.equal(network.node('ann').locks.reachable().length, 1);
    network.heal();
    network.pass(3000);
    const { notices } = network.node('ann').locks.takeNotices(alice);
    assert.equal(notices.length, 1);
    assert.equal(notices[0]?.cause, 'lost');
    assert.match(
      notices[0]?.reason ?? '',
      /^bert on laptop of bob holds a\.ts with a majority, for "bert works"$/,
    );
    const checked = network.node('ann').locks.check(first.id);
    assert.ok(checked.outcome === 'refused' && checked.reason === 'lost');
  });

  it('without a majority are denied where partition is refuse', () => {
    const network = new AgreedNetwork(three, { partition: 'refuse' });
    network.split(['ann']);
    network.pass(3000);
    const denial = network.denied('ann', 'alice', 'a.ts');
    assert.equal(denial.reason, 'no-majority');
    assert.match(denial.next, /locks\.partition local/);
  });

  it('that form a cycle of waits over nodes are refused to the last, with the cycle', () => {
    const network = new AgreedNetwork(three);
    network.granted('ann', 'alice', 'a.ts');
    network.granted('bob', 'bert', 'b.ts');
    network.claim('ann', 'alice', 'b.ts', { waitMs: 20_000 });
    network.pass(100);
    const denial = network.denied('bob', 'bert', 'a.ts', { waitMs: 20_000 });
    assert.equal(denial.reason, 'deadlock');
    assert.deepEqual(denial.cycle?.map(({ agent, waitsFor }) => [agent, waitsFor]).sort(), [
      ['alice', 'bert'],
      ['bert', 'alice'],
    ]);
  });

  it('of an agent that is gone end, with its waits', () => {
    const network = new AgreedNetwork(three);
    network.granted('ann', 'alice', ['a.ts', 'b.ts']);
    network.granted('bob', 'bert', 'c.ts');
    const waiting = network.claim('ann', 'alice', 'c.ts', { waitMs: 20_000 });
    network.pass(50);
    assert.equal(network.node('ann').locks.releaseAll(alice).length, 1);
    assert.equal(waiting.answer?.outcome, 'denied');
    network.pass(20);
    network.granted('bob', 'bert', ['a.ts', 'b.ts']);
    assert.deepEqual(actions(network, 'ann').slice(-1), ['released']);
  });

  it('expire without a sign of life, live on with one, and their end is told', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts', { ttlMs: 4000 });
    const { locks } = network.node('ann');
    for (let at = 0; at < 4; at += 1) {
      network.pass(2000);
      locks.touch(alice);
    }
    assert.equal(locks.check(lock.id).outcome, 'valid');
    network.pass(6000);
    assert.deepEqual(
      locks.takeNotices(alice).notices.map(({ cause }) => cause),
      ['expired'],
    );
    assert.equal(locks.stats().locks, 0);
    network.granted('bob', 'bert', 'a.ts');
  });

  it('renew what their agent claims again, with its new intention', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts');
    const again = network.claim('ann', 'alice', 'a.ts', { intention: 'something else' });
    assert.ok(
      again.answer?.outcome === 'granted' && again.answer.renewed && again.answer.lock.id === lock.id,
    );
    assert.equal(network.node('ann').locks.list({ agent: alice })[0]?.intention, 'something else');
  });

  it('are limited in number for each agent and second', () => {
    const network = new AgreedNetwork(['ann'], {}, { ratePerSecond: 1, rateBurst: 2 });
    const answers = ['a.ts', 'b.ts', 'c.ts', 'd.ts'].map(
      (path) => network.claim('ann', 'alice', path).answer,
    );
    assert.deepEqual(
      answers.map((answer) => answer?.outcome),
      ['granted', 'granted', 'denied', 'denied'],
    );
    assert.deepEqual(actions(network, 'ann'), ['acquired', 'acquired', 'denied']);
  });

  it('follow the text on their own node, and end when their lines are gone', () => {
    const network = new AgreedNetwork(three);
    const lock = network.granted('ann', 'alice', 'a.ts:10-20');
    const other = network.granted('ann', 'bert', 'a.ts:40-50');
    const { locks } = network.node('ann');
    const edit = {
      project,
      path: file.path,
      agent: agentId('carl'),
      startLine: 1,
      removedLines: 0,
      addedLines: 5,
    };
    assert.deepEqual(
      locks.moveLines(edit).map(({ id }) => id),
      [lock.id, other.id],
    );
    assert.deepEqual(locks.list({ agent: alice })[0]?.targets[0]?.scope, {
      kind: 'lines',
      start: 15,
      end: 25,
    });
    const denial = network.denied('ann', 'dora', 'a.ts:22-24');
    assert.deepEqual([denial.reason, denial.lockId], ['held', lock.id]);
    locks.moveLines({ ...edit, startLine: 15, removedLines: 11, addedLines: 0 });
    const { notices } = locks.takeNotices(alice);
    assert.deepEqual(
      notices.map(({ cause, reason }) => [cause, reason]),
      [['lost', 'its lines were removed by carl']],
    );
  });

  it('end when their node leaves, which then claims nothing more', () => {
    const network = new AgreedNetwork(three);
    network.granted('ann', 'alice', 'a.ts');
    network.node('ann').locks.leave();
    network.pass(3000);
    assert.deepEqual(network.node('bob').locks.view.members, ['bob', 'cy']);
    assert.match(network.node('ann').locks.takeNotices(alice).notices[0]?.reason ?? '', /no member/);
    assert.equal(network.denied('ann', 'alice', 'b.ts').reason, 'not-member');
    network.granted('bob', 'bert', 'a.ts');
  });
});
