/** Writes into an environment until the file system refuses; says what came of it. */
import { CollabError } from '../../src/base/errors.ts';
import { openEnvironment } from '../../src/store/environment.ts';
import { positionKey } from '../../src/store/store-keys.ts';

const value = Buffer.alloc(100_000, 7);
const environment = openEnvironment(process.argv[2] ?? '', { durability: 'flush', writer: true });
const table = environment.table('log');
let written = 0;
let error = '';
while (error === '') {
  try {
    environment.write(() => table.put(positionKey(written + 1), value));
    written += 1;
  } catch (cause) {
    error = cause instanceof CollabError ? `${cause.code}: ${cause.message}` : String(cause);
  }
}
environment.refresh();
const after = [...table.keys()].length;
process.stdout.write(JSON.stringify({ written, error, after }));
