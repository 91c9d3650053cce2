/** `npm run docs:tables`: brings the tables of the documents, and files made from data, up to date with the data. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { documents, withTables } from './document-tables.ts';
import { projectRoot } from './project-files.ts';
import { settingWordsFile, settingWordsText } from './setting-words.ts';

for (const path of Object.keys(documents)) bring(path, withTables);
bring(settingWordsFile, settingWordsText);

function bring(path: string, make: (before: string) => string): void {
  const url = new URL(path, projectRoot);
  const before = existsSync(url) ? readFileSync(url, 'utf8') : '';
  const after = make(before);
  if (after !== before) writeFileSync(url, after);
  process.stdout.write(`${path}: ${after === before ? 'was up to date' : 'updated'}\n`);
}
