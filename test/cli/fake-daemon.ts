/** Answers as a daemon whose data are as bad as the real one would never take them, or never answers, or hangs up. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export class FakeDaemon {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param answers the data by operation; without it nothing is ever answered. */
  static async open(
    home: string,
    answers?: Readonly<Record<string, unknown>> | 'hangs-up',
  ): Promise<FakeDaemon> {
    const server = createServer((request, response) => {
      if (answers === 'hangs-up') request.socket.destroy();
      if (answers === 'hangs-up' || answers === undefined) return;
      const data = answers[request.url?.slice('/v1/'.length) ?? ''];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ok: true, data }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const record = { pid: process.pid, version: '0.0.1', startedAt: 'now', port, token: 'x', socket: null };
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'daemon.json'), JSON.stringify(record));
    return new FakeDaemon(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
