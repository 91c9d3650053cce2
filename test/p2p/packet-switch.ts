/**
 * A switch between hosts, in a process of its own: takes Ethernet frames out of VXLAN datagrams (RFC 7348) and passes them on late, twice
 * or not at all, as `tc netem` would, on kernels that have none. Its lots are drawn from a seed.
 *
 * Started with a `SwitchStart`; each message from its parent is a `Weather`, and answered once it is in force.
 */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { seededRandom } from '../support/seed.ts';

/** What happens to each frame. */
export interface Weather {
  readonly lossShare: number;
  readonly duplicateShare: number;
  readonly delayMs: number;
  /** Evenly on top of the delay, so that frames overtake each other. */
  readonly jitterMs: number;
}

export interface SwitchStart {
  readonly seed: number;
  /** Of VXLAN, at every host and here. */
  readonly port: number;
  /** Their addresses outside the tunnel. */
  readonly hosts: readonly string[];
}

const vxlanBytes = 8;
const macBytes = 6;
const ethernetBytes = 14;
/** Frames on their way. Over it they are lost, as in any queue. */
const maxWaiting = 10_000;

function main({ seed, port, hosts }: SwitchStart): void {
  const random = seededRandom(seed);
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const hostOf = new Map<string, string>();
  let weather: Weather = { lossShare: 0, duplicateShare: 0, delayMs: 0, jitterMs: 0 };
  let waiting = 0;

  const send = (datagram: Buffer, to: string) => socket.send(datagram, port, to, () => {});
  const passOn = (datagram: Buffer, to: string) => {
    if (random.chance(weather.lossShare) || waiting >= maxWaiting) return;
    const ms = weather.delayMs + random.next() * weather.jitterMs;
    if (ms < 1) return send(datagram, to);
    waiting += 1;
    setTimeout(() => {
      waiting -= 1;
      send(datagram, to);
    }, ms);
  };

  socket.on('message', (datagram: Buffer, { address }: RemoteInfo) => {
    const frame = datagram.subarray(vxlanBytes);
    if (frame.length <= ethernetBytes || !hosts.includes(address)) return;
    fillChecksum(frame);
    const [target, source] = [0, macBytes].map((at) => frame.toString('hex', at, at + macBytes));
    hostOf.set(source ?? '', address);
    const known = hostOf.get(target ?? '');
    // To everybody, when it is a broadcast or for somebody who has said nothing yet.
    for (const to of known === undefined ? hosts.filter((host) => host !== address) : [known]) {
      passOn(datagram, to);
      if (random.chance(weather.duplicateShare)) passOn(datagram, to);
    }
  });
  process.on('message', (message) => {
    weather = message as Weather;
    process.send?.('set');
  });
  // Its parent is gone.
  process.on('disconnect', () => process.exit());
  socket.bind(port, () => process.send?.('ready'));
}

/** The kernel leaves the checksum to the card that a frame would leave by, and here there is none. Of TCP over IPv4, the rest has none. */
function fillChecksum(frame: Buffer): void {
  const ipv4 = 0x0800;
  const tcp = 6;
  if (frame.readUInt16BE(12) !== ipv4 || frame[ethernetBytes + 9] !== tcp) return;
  const packet = frame.subarray(ethernetBytes, ethernetBytes + frame.readUInt16BE(ethernetBytes + 2));
  const segment = packet.subarray(((packet[0] ?? 0) & 15) * 4);
  segment.writeUInt16BE(0, 16);
  // Over a head of its own too: addresses, protocol and length (RFC 9293).
  let sum = tcp + segment.length;
  for (let at = 12; at < 20; at += 2) sum += packet.readUInt16BE(at);
  for (let at = 0; at + 1 < segment.length; at += 2) sum += segment.readUInt16BE(at);
  if (segment.length % 2 === 1) sum += (segment.at(-1) ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  segment.writeUInt16BE(~sum & 0xffff, 16);
}

const [start] = process.argv.slice(2);
assert.ok(start !== undefined, 'it is started with the hosts that it joins');
main(JSON.parse(start) as SwitchStart);
