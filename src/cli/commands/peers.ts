import { systemClock } from '../../base/clock.ts';
import type { PeerView } from '../../control/cluster-views.ts';
import type { CommandRun } from '../command-context.ts';
import { oneLine, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { withSuggestion } from '../suggestion.ts';
import { textTable } from '../text-table.ts';

const idEndChars = 8;

export const list: CommandRun<'peers list'> = async (_args, { daemon }) => {
  const { data, notices } = await daemon.call('peers.list', {});
  return { data, notices, text: (screen) => peersText(data.peers, screen) };
};

export const evict: CommandRun<'peers evict'> = async (args, { daemon }) => {
  const names = async () => (await daemon.call('peers.list', {})).data.peers.map(({ name }) => name);
  const { data, notices } = await daemon
    .call('peers.evict', { node: args.node })
    .catch(async (error: unknown) => Promise.reject(await withSuggestion(error, args.node, names)));
  return {
    data,
    notices,
    text: () =>
      `${oneLine(data.peer.name)} (${data.peer.node}) is no member any more. It still knows the key; change it: agent-collab cluster rotate\n`,
  };
};

async function peersText(peers: readonly PeerView[], screen: Screen): Promise<string> {
  const nowMs = systemClock.wallMs();
  const table = await textTable<PeerView>(
    [
      { head: 'NAME', cell: (it) => oneLine(it.name), wraps: true },
      { head: 'ID', cell: (it) => `…${it.node.slice(-idEndChars)}` },
      { head: 'STATE', cell: (it) => (it.relayed ? `${it.state}, by relay` : it.state) },
      {
        head: 'ADDRESS',
        cell: (it) => (it.address === null ? '' : `${arrow(it)}${oneLine(withoutId(it.address, it.node))}`),
        wraps: true,
      },
      {
        head: 'ROUND TRIP',
        cell: (it) => (it.roundTripMs === null ? '' : `${Math.round(it.roundTripMs)} ms`),
      },
      { head: 'LAG', cell: lag },
      { head: 'SEEN', cell: (it) => (it.lastSeen === null ? 'never' : showTime(it.lastSeen, nowMs)) },
      { head: 'VERSION', cell: (it) => oneLine(it.version ?? '') },
    ],
    peers,
    screen,
  );
  const blamed = peers.filter((it) => it.offences !== null);
  return (
    table +
    blamed
      .map(
        (it) =>
          `${screen.paint('yellow', 'warning:')} ${it.node}: ${it.offences?.count} times ${oneLine(it.offences?.last ?? '')}\n`,
      )
      .join('')
  );
}

/** The id stands in a column of its own, and is half a line long. */
function withoutId(address: string, node: string): string {
  const end = `/p2p/${node}`;
  return address.endsWith(end) ? address.slice(0, -end.length) : address;
}

function arrow({ direction }: PeerView): string {
  if (direction === null) return '';
  return direction === 'inbound' ? 'from ' : 'to ';
}

/** What the two lack of each other. */
function lag({ behind, ahead, state }: PeerView): string {
  if (state === 'self') return '';
  if (behind === null || ahead === null) return 'unknown';
  return behind + ahead === 0 ? '0' : `lacks ${ahead}, has ${behind} more`;
}
