/**
 * `view-victim.ts <directory>`: writes a store that others open themselves, each time slowly, until LMDB fails or a commit is gone: then it ends
 * with what happened, or at once by a signal.
 */
import { openStore, readBeside } from './view-fixture.ts';

const store = openStore(process.argv[2] ?? '');
for (let open = 0; open < 12; open += 1) await readBeside(store, 'itself', 50);
