/** Files that are made from data of the product are as the data would make them now. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { commandSchemas, schemasFolder } from './command-schemas.ts';
import { projectRoot } from './project-files.ts';
import { settingWordsFile, settingWordsText } from './setting-words.ts';

it('completes the settings that there are: else npm run docs:tables', () => {
  assert.equal(readFileSync(new URL(settingWordsFile, projectRoot), 'utf8'), settingWordsText());
});

it('has the schemas of what commands print, as the types are: else npm run docs:schemas', () => {
  const wanted = commandSchemas();
  const folder = new URL(schemasFolder, projectRoot);
  assert.deepEqual(readdirSync(folder).toSorted(), [...wanted.keys()].toSorted());
  for (const [name, text] of wanted) assert.equal(readFileSync(new URL(name, folder), 'utf8'), text, name);
});
