import { confinedNames } from './confined-names.ts';
import { describeRule } from './describe-rule.ts';

function bad(text: string, what: string) {
  return { files: { 'src/store/a.ts': `\n${text}` }, finds: `src/store/a.ts:2: ${what}` };
}

describeRule('each confined name lives in one file', confinedNames, {
  bad: {
    'the environment': bad(
      'const home = process.env.HOME;',
      'process.env lives in src/base/environment.ts only',
    ),
    'the environment by brackets': bad(
      "process['env'];",
      'process.env lives in src/base/environment.ts only',
    ),
    'the environment taken apart': bad(
      'const { env } = process;',
      'process.env lives in src/base/environment.ts only',
    ),
    'the environment by import': bad(
      "import { env } from 'node:process';",
      'imports node:process: process.env and process.exit are reached through base/',
    ),
    'the environment by globalThis': bad(
      'globalThis.process.env;',
      'process.env lives in src/base/environment.ts only',
    ),
    'an exit': bad('process.exit(1);', 'process.exit lives in src/base/exit.ts only'),
    'the console': bad("console.error('');", 'console lives in src/base/log.ts only'),
    'the wall clock': bad('const now = Date.now;', 'Date.now lives in src/base/clock.ts only'),
    'the wall clock as a date': bad('f(new Date());', 'new Date() lives in src/base/clock.ts only'),
    'the monotonic clock': bad(
      'performance.now();',
      'performance.now lives in src/base/clock.ts and src/dashboard/page-clock.ts only',
    ),
    chance: bad('Math.random();', 'Math.random lives in src/base/random.ts only'),
    'chance by import': bad(
      "import { randomBytes as r } from 'node:crypto';",
      'randomBytes lives in src/base/random.ts only',
    ),
    'a worker that reads the clock': {
      files: { 'workers/a.ts': 'Date.now();' },
      finds: 'workers/a.ts:1: Date.now lives in src/base/clock.ts only',
    },
  },
  good: {
    'each in its home': {
      'src/base/environment.ts': 'process.env.HOME;',
      'src/base/clock.ts': 'Date.now(); performance.now();',
      'src/dashboard/page-clock.ts': 'performance.now();',
    },
    'a date made from a number': { 'src/store/a.ts': 'new Date(1).toISOString();' },
    'a bench that measures': { 'bench/a.ts': 'performance.now();' },
  },
});
