import { describeRule } from './describe-rule.ts';
import { everyErrorCodeIsTested, noTestIsSwitchedOff, testsAssert, testsLieWhereTheyRun } from './tests.ts';

const notRun = 'is not run: tests lie exactly one folder deep, as test/<folder>/<name>.test.ts';

describeRule('tests lie where they run', testsLieWhereTheyRun, {
  bad: {
    'a test at the top': { files: { 'test/a.test.ts': '' }, finds: `test/a.test.ts:1: ${notRun}` },
    'a test too deep': { files: { 'test/a/b/c.test.ts': '' }, finds: `test/a/b/c.test.ts:1: ${notRun}` },
    'a test beside its source': {
      files: { 'src/lock/a.test.ts': '' },
      finds: `src/lock/a.test.ts:1: ${notRun}`,
    },
    'a test in JavaScript': { files: { 'test/a/a.test.js': '' }, finds: `test/a/a.test.js:1: ${notRun}` },
  },
  good: { 'a test in its folder': { 'test/a/a.test.ts': '', 'test/a/a-contract.ts': '' } },
});

describeRule('tests assert', testsAssert, {
  bad: {
    'a test without an assertion': {
      files: { 'test/a/a.test.ts': "it('x', () => f());" },
      finds: 'test/a/a.test.ts:1: asserts nothing',
    },
    'a test whose suite has no assertion': {
      files: { 'test/a/a.test.ts': "import './s.ts';", 'test/a/s.ts': "import './a.test.ts';" },
      finds: 'test/a/a.test.ts:1: asserts nothing',
    },
  },
  good: {
    'an assertion': { 'test/a/a.test.ts': 'assert(f());' },
    'an assertion of a kind': { 'test/a/a.test.ts': 'assert.equal(f(), 1);' },
    'an assertion of the context': { 'test/a/a.test.ts': 't.assert.equal(f(), 1);' },
    'a contract suite': {
      'test/a/a.test.ts': "import { s } from './s.ts'; s();",
      'test/a/s.ts': 'export const s = () => assert.ok(f());',
    },
  },
});

describeRule('no test is switched off', noTestIsSwitchedOff, {
  bad: {
    'a skipped test': {
      files: { 'test/a/a.test.ts': "\nit.skip('keeps order', f);" },
      finds: 'test/a/a.test.ts:2: skip: "keeps order" is switched off and its name does not say why',
    },
    'a test skipped by option': {
      files: { 'test/a/a.test.ts': "test('keeps order', { skip: true }, f);" },
      finds: 'test/a/a.test.ts:1: skip: "keeps order" is switched off and its name does not say why',
    },
    'a test that skips itself without a word': {
      files: { 'test/a/a.test.ts': 't.skip();' },
      finds: 'test/a/a.test.ts:1: skip: "" is switched off and its name does not say why',
    },
    'a test to be written': {
      files: { 'test/a/a.test.ts': "describe.todo('order');" },
      finds: 'test/a/a.test.ts:1: todo: "order" is switched off and its name does not say why',
    },
    'a test that runs alone': {
      files: { 'test/a/a.test.ts': "it.only('keeps order because it must', f);" },
      finds: 'test/a/a.test.ts:1: only: "keeps order because it must" runs alone and switches off all others',
    },
  },
  good: {
    'a reason in the name': {
      'test/a/a.test.ts': "it('remounts read-only (needs root)', { skip: !isRoot }, f);",
    },
    'a reason given while it runs': { 'test/a/a.test.ts': "t.skip('root may read everything');" },
    'other methods of the same name': { 'test/a/a.test.ts': 'iterator.skip(1);' },
  },
});

const table = 'export const errorKinds = {\n  TORN: { exit: 5 },\n} as const satisfies X;';

describeRule('every error code is raised and tested', everyErrorCodeIsTested, {
  bad: {
    'a code without a test': {
      files: { 'src/base/errors.ts': table, 'src/lock/a.ts': "throw new CollabError('TORN');" },
      finds: 'src/base/errors.ts:2: TORN stands in no test',
    },
    'a code that nothing raises': {
      files: { 'src/base/errors.ts': table, 'test/a/a.test.ts': "f('TORN');" },
      finds: 'src/base/errors.ts:2: TORN is raised nowhere in src or workers',
    },
  },
  good: {
    'a code with both': {
      'src/base/errors.ts': table,
      'workers/a.ts': "throw new CollabError('TORN');",
      'test/a/a.test.ts': "assert.throws(f, { code: 'TORN' });",
    },
  },
});
