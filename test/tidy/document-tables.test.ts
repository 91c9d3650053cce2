import { describeRule } from './describe-rule.ts';
import { documentsRepeatTheData, sampleDocument } from './document-tables.ts';

const readme = sampleDocument('README.md').text;
const api = sampleDocument('docs/API.md').text;
/** Documents that no case is about. */
const others = { 'docs/BENCHMARKS.md': sampleDocument('docs/BENCHMARKS.md').text };

describeRule('documents repeat the data', documentsRepeatTheData, {
  bad: {
    'a document that is missing': {
      files: { ...others, 'README.md': readme },
      finds: 'docs/API.md:1: is missing',
    },
    'a table that is missing': {
      files: { ...others, 'README.md': readme.replace('table:settings', 'settings'), 'docs/API.md': api },
      finds: 'README.md:1: has no <!-- table:settings --> … <!-- /table -->',
    },
    'a row that was edited by hand': {
      files: {
        ...others,
        'README.md': readme,
        'docs/API.md': `\n${api.replace('a defect of', 'a feature of')}`,
      },
      finds: `docs/API.md:${lineOf(api, 'table:errors') + 1}: the table errors differs from the data it repeats: npm run docs:tables`,
    },
    'a command that is gone': {
      files: { ...others, 'README.md': readme.replace(/^\| `why .*\n/m, ''), 'docs/API.md': api },
      finds: `README.md:${lineOf(readme, 'table:commands')}: the table commands differs from the data it repeats: npm run docs:tables`,
    },
    'a table that nobody knows': {
      files: { ...others, 'README.md': `${readme}<!-- table:pets -->\n<!-- /table -->`, 'docs/API.md': api },
      finds: `README.md:${readme.split('\n').length}: names an unknown table pets`,
    },
  },
  good: { 'documents as they are written': { ...others, 'README.md': readme, 'docs/API.md': api } },
});

function lineOf(text: string, part: string): number {
  return text.slice(0, text.indexOf(part)).split('\n').length;
}
