/** `npm run docs:tables`: brings the tables of the documents up to date with the data that they repeat. */
import { readFileSync, writeFileSync } from 'node:fs';
import { documents, withTables } from './document-tables.ts';
import { projectRoot } from './project-files.ts';

for (const path of Object.keys(documents)) {
  const url = new URL(path, projectRoot);
  const before = readFileSync(url, 'utf8');
  const after = withTables(before);
  if (after !== before) writeFileSync(url, after);
  process.stdout.write(`${path}: ${after === before ? 'was up to date' : 'updated'}\n`);
}
