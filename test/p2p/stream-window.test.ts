/** Streams over a real connection: what they say of their windows, and that no sender is left waiting for room. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { YamuxStream } from '@chainsafe/libp2p-yamux/stream';
import type { Stream } from '@libp2p/interface';
import { type MainNet, openMainNet, tryAddress } from '../../src/p2p/net.ts';
import { eventually } from './cluster-fixture.ts';
import { Identity } from './identity.ts';

const protocol = '/test/echo-of-nothing/1';

async function pair(t: TestContext): Promise<{ readonly sender: Stream; readonly received: () => number }> {
  const shared = {
    cluster: 'windows',
    networkKey: randomBytes(32),
    listen: '127.0.0.1',
    port: 0,
    mdns: false,
  };
  const open = async (): Promise<[MainNet, Identity]> => {
    const identity = new Identity();
    const net = await openMainNet({ ...shared, seed: identity.seed, isAllowed: () => true });
    t.after(() => net.stop());
    return [net, identity];
  };
  const [[ann], [bob, bobs]] = [await open(), await open()];
  let bytes = 0;
  await bob.handle(protocol, (stream) => {
    stream.addEventListener('message', ({ data }) => {
      bytes += data.byteLength;
    });
  });
  const addresses = bob.getMultiaddrs().map((it) => tryAddress(String(it), bobs.node));
  const line = await ann.dial(addresses.filter((it) => it !== undefined));
  return { sender: await line.newStream(protocol), received: () => bytes };
}

/** Counts what the streams of this process say of their windows from now on. */
function countUpdates(t: TestContext): () => number {
  type Frames = { sendFrame(frame: { readonly type: number }): void };
  const streams = YamuxStream.prototype as unknown as { sendWindowUpdate(this: Frames): void };
  const send = streams.sendWindowUpdate;
  let count = 0;
  streams.sendWindowUpdate = function (this: Frames) {
    const { sendFrame } = this;
    this.sendFrame = (frame) => {
      count += 1;
      sendFrame.call(this, frame);
    };
    send.call(this);
    this.sendFrame = sendFrame;
  };
  t.after(() => {
    streams.sendWindowUpdate = send;
  });
  return () => count;
}

test('a stream of small messages says nothing of its window before half of it is used', async (t) => {
  const { sender, received } = await pair(t);
  const updates = countUpdates(t);
  const message = randomBytes(300);
  for (let at = 1; at <= 60; at += 1) {
    sender.send(message);
    // One frame each.
    await eventually('it is there', async () => received() === at * message.length);
  }
  assert.ok(updates() < 30, `${updates()} updates, those of all other streams among them`);
});

test('many times the window goes through', async (t) => {
  const { sender, received } = await pair(t);
  const updates = countUpdates(t);
  const message = randomBytes(60_000);
  const times = 200;
  for (let at = 0; at < times; at += 1) if (!sender.send(message)) await sender.onDrain();
  await eventually('all of it is there', async () => received() === times * message.length);
  assert.ok(updates() > 2, `${updates()} updates`);
});
