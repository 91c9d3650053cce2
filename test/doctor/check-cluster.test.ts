import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version } from '../../src/base/version.ts';
import type { PeerView } from '../../src/control/cluster-views.ts';
import type { StatusView } from '../../src/control/results.ts';
import { checkPeers } from '../../src/doctor/check-cluster.ts';
import { overviewSample } from '../cli/overview-sample.ts';

const peer = (name: string, rest: Partial<PeerView> = {}): PeerView => ({
  node: `12D3${name}`,
  name,
  state: 'connected',
  address: null,
  direction: null,
  relayed: false,
  roundTripMs: 1,
  behind: 0,
  ahead: 0,
  lastSeen: new Date().toISOString(),
  version,
  offences: null,
  ...rest,
});

function check(peers: readonly PeerView[], locks: Partial<StatusView['locks']> = {}) {
  const { status } = overviewSample(0);
  const connected = peers.filter(({ state }) => state === 'connected').length;
  const cluster = {
    id: 'c',
    name: 'team',
    epoch: 1,
    members: peers.length,
    connected,
    addresses: [],
    gossip: { runs: 0, repeated: 0 },
  };
  const { state, says } = checkPeers({ ...status, cluster, peers, locks: { ...status.locks, ...locks } });
  return [state, says];
}

const self = peer('me', { state: 'self' });

test('members that are connected, of one version and without blame are well', () => {
  const left = peer('old', { state: 'left', version: '0.1.0' });
  assert.deepEqual(check([self, peer('desk'), left]), ['ok', '1 of 1 others of team are connected']);
  assert.deepEqual(checkPeers(overviewSample(0).status).says, 'this node works alone');
  assert.deepEqual(checkPeers(undefined).state, 'ok');
});

test('a lost majority is bad; offences, another version and a long absence are told, the worst first', () => {
  const agreement = { epoch: 1, members: 3, reachable: 1, majority: false };
  const [state, says] = check([self, peer('desk', { state: 'away' })], { agreement });
  assert.deepEqual([state, says?.slice(0, 12)], ['bad', 'no majority:']);
  const offences = { count: 3, last: 'sent a forged delta' };
  assert.deepEqual(check([self, peer('desk', { offences, version: '0.1.0' })]), [
    'warn',
    'desk 3 times sent a forged delta; 1 of 1 others of team are connected',
  ]);
  assert.match(
    String(check([self, peer('desk', { version: '0.1.0' })])),
    /^warn,desk runs 0\.1\.0, this program is/,
  );
  const lastSeen = new Date(Date.now() - 30 * 3_600_000).toISOString();
  assert.match(
    String(check([self, peer('desk', { state: 'away', lastSeen })])),
    /^warn,away for over a day: desk \(/,
  );
  assert.match(
    String(check([self, peer('desk', { state: 'away', lastSeen: null })])),
    /^warn,.*desk \(never seen\)/,
  );
  assert.equal(check([self, peer('desk', { state: 'away' })])[0], 'ok');
});
