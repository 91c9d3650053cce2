/**
 * When a stream tells its other end of room in its receive window. The yamux of js-libp2p does so behind every frame, which makes two of each
 * message, both encrypted and written by themselves. Those of Go and Rust wait until half of the window is used (rust-yamux, pull request
 * 109), which is soon enough for no sender to run out of it; so does ours. Imported before libp2p is put together.
 */
import { StreamState, YamuxStream } from '@chainsafe/libp2p-yamux/stream';

/** What yamux keeps for itself of a stream, in bytes. */
interface ReceiveWindow {
  readonly state: StreamState;
  readonly recvWindow: number;
  /** What the other end may still send. */
  readonly recvWindowCapacity: number;
}

const { sendWindowUpdate } = YamuxStream.prototype;

YamuxStream.prototype.sendWindowUpdate = function (this: YamuxStream): void {
  const { state, recvWindow, recvWindowCapacity } = this as unknown as ReceiveWindow;
  // While a stream is opened the message carries its flags. And with fields of other names each is sent, as before.
  if (state === StreamState.Established && recvWindowCapacity * 2 > recvWindow) return;
  sendWindowUpdate.call(this);
};
