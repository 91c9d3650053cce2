import { describeRule } from './describe-rule.ts';
import {
  filesAreShort,
  functionsAreShort,
  namesSayWhatIsInside,
  noBarrels,
  promisesHaveAnOwner,
} from './shape.ts';

const statements = (count: number) => 'f();\n'.repeat(count);

describeRule('files are short', filesAreShort, {
  bad: {
    'a file of 351 lines': {
      files: { 'src/lock/a.ts': statements(351) },
      finds: 'src/lock/a.ts:1: 351 lines, at most 350: which two things does it hold?',
    },
  },
  good: { 'a file of 350 lines': { 'src/lock/a.ts': statements(350) } },
});

describeRule('functions are short', functionsAreShort, {
  bad: {
    'a function of 71 lines': {
      files: { 'src/lock/a.ts': `\nfunction a() {\n${statements(69)}}` },
      finds: 'src/lock/a.ts:2: a function of 71 lines, at most 70',
    },
    'a method of 71 lines': {
      files: { 'src/lock/a.ts': `class A {\n  #b() {\n${statements(69)}}\n}` },
      finds: 'src/lock/a.ts:2: a function of 71 lines, at most 70',
    },
    'a long test': {
      files: { 'test/a/a.test.ts': `it('x', () => {\n${statements(69)}});` },
      finds: 'test/a/a.test.ts:1: a function of 71 lines, at most 70',
    },
  },
  good: {
    'a function of 70 lines': { 'src/lock/a.ts': `const a = () => {\n${statements(68)}}` },
    'a long list of tests': {
      'test/a/a.test.ts': `describe('x', () => {\nit('y', f);\n${statements(200)}});`,
    },
    'a long contract suite': {
      'test/a/a-contract.ts': `function a() {\n${statements(200)}describe('y', f);}`,
    },
  },
});

describeRule('names say what is inside', namesSayWhatIsInside, {
  bad: {
    'a camel-case file': {
      files: { 'src/lock/lockTable.ts': '' },
      finds: 'src/lock/lockTable.ts:1: the name lockTable is not kebab-case',
    },
    'an index': {
      files: { 'src/lock/index.ts': '' },
      finds: 'src/lock/index.ts:1: the name index says nothing about what is inside',
    },
    'a folder of utilities': {
      files: { 'src/utils/a.ts': '' },
      finds: 'src/utils/a.ts:1: the name utils says nothing about what is inside',
    },
    'a file of types': {
      files: { 'workers/types.ts': '' },
      finds: 'workers/types.ts:1: the name types says nothing about what is inside',
    },
  },
  good: { 'a kebab-case test': { 'test/lock/lock-table.test.ts': '' } },
});

describeRule('no barrels', noBarrels, {
  bad: {
    'a file of re-exports': {
      files: { 'src/lock/a.ts': "\nexport * from './b.ts';\nexport type { C } from './c.ts';" },
      finds: 'src/lock/a.ts:2: only passes on what other files export: import those',
    },
  },
  good: {
    'a file with something of its own': {
      'src/lock/a.ts': "export { b } from './b.ts';\nexport const c = 1;",
    },
  },
});

describeRule('a promise has an owner', promisesHaveAnOwner, {
  bad: {
    'a promise of nobody': {
      files: { 'src/lock/a.ts': `\n// TODO: later` },
      finds: `src/lock/a.ts:2: TODO without an owner: finish it, or write TODO(name)`,
    },
  },
  good: { 'a promise of somebody': { 'src/lock/a.ts': `// TODO(ada): when Node 22 is the floor` } },
});
