/**
 * The other process of view-directory.test.ts: `view-reader.ts <directory> <view|itself>`. Opens the store, takes a snapshot and says so; told to
 * go on, tells as JSON what the table holds in it.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { openEnvironment } from '../../src/store/environment.ts';
import { withViews } from '../../src/store/view-directory.ts';

const [directory = '', how = ''] = process.argv.slice(2);

async function read(store: string): Promise<void> {
  const environment = openEnvironment(store, { durability: 'flush', readOnly: true });
  const table = environment.table('t');
  const release = environment.hold();
  process.stdout.write('reading\n');
  await once(process.stdin, 'data');
  const found: string[] = [];
  for (const { value } of table.entries()) found.push(value.toString());
  process.stdout.write(JSON.stringify(found));
  release();
  await environment.close();
}

await (how === 'view'
  ? withViews(join(directory, 'views'), { store: directory }, ({ store }) => read(store))
  : read(directory));
process.stdin.destroy();
