/**
 * The part of a migration that may end its process. `trial`: does LMDB work in a directory? On some network and overlay file systems it
 * does not. `verify`: is a log whole? LMDB ends the process that meets certain damaged pages.
 */
import { CollabError } from '../src/base/errors.ts';
import { answerParent, tellProgress } from '../src/base/task-process.ts';
import { openDeltaEnvironment } from '../src/store/delta-log.ts';
import { openEnvironment } from '../src/store/environment.ts';
import { LogView } from '../src/store/log-view.ts';
import { verifyOpen } from '../src/store/verify.ts';

const [, , task, directory = ''] = process.argv;
const records = 256;
const recordBytes = 4000;

/** Writes with a sync, opens anew, reads back. */
async function tryLmdb(): Promise<void> {
  const written = openEnvironment(directory, { durability: 'flush', writer: true });
  try {
    const table = written.table('trial');
    written.write(() => {
      for (let at = 0; at < records; at++) table.put(key(at), value(at));
    });
  } finally {
    await written.close();
  }
  const read = openEnvironment(directory, { durability: 'flush', writer: true });
  try {
    const table = read.table('trial');
    for (let at = 0; at < records; at++) {
      if (table.get(key(at))?.equals(value(at)) === true) continue;
      throw new CollabError('STORE_UNAVAILABLE', `LMDB reads something else than it wrote in ${directory}`, {
        next: 'Put the data directory on a local disk, and let AGENT_COLLAB_HOME name it.',
      });
    }
  } finally {
    await read.close();
  }
}

function key(at: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(at);
  return bytes;
}

function value(at: number): Buffer {
  return Buffer.alloc(recordBytes, at % 251);
}

async function verifyLog(): Promise<unknown> {
  const environment = openDeltaEnvironment(directory, { writer: true });
  try {
    return await verifyOpen({ log: new LogView(environment) }, { onProgress: tellProgress });
  } finally {
    await environment.close();
  }
}

answerParent(task === 'trial' ? tryLmdb() : verifyLog());
