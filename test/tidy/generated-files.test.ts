/** Files that are made from data of the product are as the data would make them now. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { projectRoot } from './project-files.ts';
import { settingWordsFile, settingWordsText } from './setting-words.ts';

it('completes the settings that there are: else npm run docs:tables', () => {
  assert.equal(readFileSync(new URL(settingWordsFile, projectRoot), 'utf8'), settingWordsText());
});
