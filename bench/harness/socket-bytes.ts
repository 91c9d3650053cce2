/** What the TCP sockets of this process have moved, both ways; those of its own to itself count twice. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const sockets = new Set<Socket>();
let gone = 0;
let isCounting = false;

const moved = ({ bytesRead, bytesWritten }: Socket) => bytesRead + bytesWritten;

/** From now on. Idempotent. */
export function countSockets(): void {
  if (isCounting) return;
  isCounting = true;
  const add = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket };
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      gone += moved(socket);
    });
  };
  subscribe('net.client.socket', add);
  subscribe('net.server.socket', add);
}

export function socketBytes(): number {
  return [...sockets].reduce((sum, socket) => sum + moved(socket), gone);
}
