/** A process that repairs the stores in a directory, for a test to kill: `repair-process.ts <directory> <where to set aside>`. */
import { repairStores } from '../../src/store/repair.ts';
import { placesIn } from './damage-fixture.ts';
import { own } from './log-fixture.ts';

const [directory = '', asideDirectory = ''] = process.argv.slice(2);
await repairStores(placesIn(directory), { node: own.id, asideDirectory });
