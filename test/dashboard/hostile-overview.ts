import type { OverviewView } from '../../src/control/overview-views.ts';
import { busyOverview } from './busy-overview.ts';
import { brokenOverview, peer } from './cluster-overview.ts';
import { entry, isoAfter, lock, target, wait } from './overview-parts.ts';

const longPath = `src/${'deeply/nested/'.repeat(19)}${'x'.repeat(40)}.ts`;
const markup = '<img src=x onerror="document.title=\'owned\'">';
const hostileLock = lock('lk_<b>1</b>', `${markup}ada`, `${longPath}:1-2`, {
  intention: `${markup} \u001b[31mred\u0007 ${'no-break-'.repeat(60)}`,
  targets: [
    target(longPath),
    target('src/\u202egpj.exe'),
    target('src/شيفرة/ملف.ts'),
    target(`${markup}.ts`),
    target('a/b.ts'),
  ],
  holderName: `مطوّر ${'W'.repeat(120)}`,
  node: `${'n'.repeat(80)}`,
  nodeName: `<script>document.title='owned'</script>`,
  expiresAt: isoAfter(3_600_000),
});

/** What an agent may call itself and write, to break the page or to run on it. */
export const hostileOverview: OverviewView = {
  ...brokenOverview,
  status: {
    ...brokenOverview.status,
    home: `${markup}/${'h'.repeat(300)}`,
    warnings: [`${markup}${'w'.repeat(400)}`],
    cluster: {
      id: 'x',
      name: `${markup}${'c'.repeat(200)}`,
      epoch: 1,
      members: 2,
      connected: 1,
      addresses: [],
      gossip: { runs: 0, repeated: 0 },
    },
    peers: [
      peer(`${markup}${'p'.repeat(200)}`, '__proto__', {
        version: markup,
        offences: { count: 1, last: markup },
      }),
    ],
  },
  agents: {
    shown: [
      {
        agent: '__proto__',
        projects: [markup.repeat(5)],
        held: 1,
        waiting: 1,
        lastSeen: null,
        node: 'n'.repeat(80),
        name: `${markup}${'a'.repeat(300)}`,
      },
      { agent: 'مطوّر', projects: [longPath], held: 9_999_999, waiting: 0, lastSeen: 'not a time' },
    ],
    total: 2,
  },
  locks: { shown: [hostileLock, lock('constructor', 'b'.repeat(500), '\u0000\u001b]0;x\u0007')], total: 2 },
  waiters: {
    shown: [
      wait(`${markup}${'q'.repeat(200)}`, longPath, hostileLock, {
        intention: `${'\u202e'}${markup}`,
        blockedBy: [
          {
            kind: 'lease',
            agent: `${'日本語'.repeat(60)}${markup}`,
            target: longPath,
            lockId: hostileLock.id,
          },
        ],
      }),
    ],
    total: 1,
  },
  hotSpots: [{ project: markup, path: longPath, denied: 1e9, waited: 3, granted: 0, agents: 1 }],
  timeline: [
    entry('h1', 'denied', `${markup}${'t'.repeat(300)}`, longPath, {
      text: `${markup}\u0007${'v'.repeat(600)}`,
    }),
    entry('h2', '__proto__', 'مطوّر', 'src/شيفرة/ملف.ts', { text: 'مرحبا <b>بالعالم</b>' }),
    entry('h3', markup.repeat(3), 'x', '', { at: 'not a time' }),
  ],
  usage: {
    ...busyOverview.usage,
    models: [{ name: `${markup}${'m'.repeat(300)}`, tokens: 1e15, cost: 1e9 }],
  },
};
