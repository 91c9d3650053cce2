/**
 * What a daemon tells of its own threads: plain JavaScript, which each of them begins with. From the first signal on, the main one watches
 * how late its event loop comes to a timer, and at each writes what it has seen, and begins anew. The others count what their sockets move, and write it
 * down about twice a second, which itself costs a little.
 */
export const probeFile = 'probe-main.json';
export const wireFile = /^probe-wire-\d+\.json$/;
/** A count is no older than this. */
export const wireMs = 500;
const timerMs = 2;

export const probe = `
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createHistogram } from 'node:perf_hooks';
import { isMainThread, threadId } from 'node:worker_threads';

const home = process.env.AGENT_COLLAB_HOME;
const put = (name, value) => {
  writeFileSync(home + '/' + name + '.new', JSON.stringify(value));
  renameSync(home + '/' + name + '.new', home + '/' + name);
};

if (isMainThread) {
  // How long this thread was ready to run, and no core was free.
  const waitedNs = () => Number(readFileSync('/proc/self/task/' + process.pid + '/schedstat', 'utf8').split(' ')[1]);
  const nowNs = () => Number(process.hrtime.bigint());
  const late = createHistogram();
  const busy = createHistogram();
  let [at, waited] = [0, 0];
  const look = () => {
    const [now, wait] = [nowNs(), waitedNs()];
    const lateNs = Math.max(1, now - at - ${timerMs}e6);
    late.record(lateNs);
    busy.record(Math.max(1, lateNs - (wait - waited)));
    [at, waited] = [nowNs(), wait];
  };
  const figures = (of) => ({ p50: of.percentile(50) / 1000, p99: of.percentile(99) / 1000, max: of.max / 1000 });
  process.on('SIGUSR2', () => {
    if (at === 0) {
      [at, waited] = [nowNs(), waitedNs()];
      setInterval(look, ${timerMs}).unref();
    }
    put('${probeFile}', { late: figures(late), busy: figures(busy) });
    late.reset();
    busy.reset();
  });
} else {
  const sockets = new Set();
  let gone = 0;
  const bytesOf = ({ bytesRead, bytesWritten }) => bytesRead + bytesWritten;
  const add = ({ socket }) => {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      gone += bytesOf(socket);
    });
  };
  subscribe('net.client.socket', add);
  subscribe('net.server.socket', add);
  let told = 0;
  setInterval(() => {
    const bytes = [...sockets].reduce((sum, socket) => sum + bytesOf(socket), gone);
    if (bytes !== told) put('probe-wire-' + threadId + '.json', bytes);
    told = bytes;
  }, ${wireMs}).unref();
}
`;
