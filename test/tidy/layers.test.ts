import { describeRule } from './describe-rule.ts';
import {
  importsPointOneWay,
  locksAndDeltasAreSynchronous,
  packagesAreDeclared,
  packagesHaveOneOwner,
  threadsLoadAddonsLate,
} from './layers.ts';

const workersList = 'base, codec, queue, delta, audit, home, store, search, backup, p2p';

describeRule('imports point one way', importsPointOneWay, {
  bad: {
    'a lower folder that imports a higher one': {
      files: { 'src/lock/a.ts': "\nimport { x } from '../daemon/x.ts';" },
      finds: 'src/lock/a.ts:2: lock may not import daemon: imports point one way (test/tidy/layers.ts)',
    },
    'an import of types as well': {
      files: { 'src/delta/a.ts': "import type { X } from '../store/x.ts';" },
      finds: 'src/delta/a.ts:1: delta may not import store: imports point one way (test/tidy/layers.ts)',
    },
    'an import between neighbours': {
      files: { 'src/lock/a.ts': "export const x: import('../queue/b.ts').B = 1;" },
      finds: 'src/lock/a.ts:1: lock may not import queue: imports point one way (test/tidy/layers.ts)',
    },
    'a source that imports a worker': {
      files: { 'src/offload/a.ts': "await import('../../workers/persist.ts');" },
      finds: 'src/offload/a.ts:1: src never imports workers: a worker is known by its URL and its contract',
    },
    'a worker that imports the daemon': {
      files: { 'workers/a.ts': "export { x } from '../src/daemon/x.ts';" },
      finds: `workers/a.ts:1: workers may not import daemon: only ${workersList} and types of src/offload/contract.ts`,
    },
    'a worker that imports more than types of the contract': {
      files: { 'workers/a.ts': "import { type A, b } from '../src/offload/contract.ts';" },
      finds: `workers/a.ts:1: workers may not import offload: only ${workersList} and types of src/offload/contract.ts`,
    },
    'a source that imports a test': {
      files: { 'src/store/a.ts': "import { x } from '../../test/support/x.ts';" },
      finds: 'src/store/a.ts:1: store may not import test: it is no part of the product',
    },
    'a page that imports what runs in the daemon': {
      files: { 'src/dashboard/a.tsx': "import { x } from '../control/x.ts';" },
      finds:
        'src/dashboard/a.tsx:1: dashboard may not import control: it runs in a browser, and has types of control alone',
    },
    'a page that imports types of another folder': {
      files: { 'src/dashboard/a.ts': "import type { X } from '../usage/x.ts';" },
      finds:
        'src/dashboard/a.ts:1: dashboard may not import usage: it runs in a browser, and has types of control alone',
    },
    'a source that imports a page': {
      files: { 'src/web/a.ts': "import { x } from '../dashboard/x.ts';" },
      finds: 'src/web/a.ts:1: web may not import dashboard: imports point one way (test/tidy/layers.ts)',
    },
    'a folder without a place': {
      files: { 'src/attic/a.ts': "import { x } from '../base/x.ts';" },
      finds: 'src/attic/a.ts:1: the folder attic has no place in the table of layers',
    },
  },
  good: {
    'a higher folder that imports a lower one': { 'src/cli/a.ts': "import { x } from '../base/x.ts';" },
    'a page that imports types of control': {
      'src/dashboard/a.tsx': "import type { X } from '../control/x.ts'; export const a = <p />;",
    },
    'a folder that imports itself': { 'src/lock/a.ts': "import { x } from './x.ts';" },
    'a worker that imports types of the contract': {
      'workers/a.ts': "import type { A } from '../src/offload/contract.ts';",
    },
  },
});

describeRule('one folder owns one package', packagesHaveOneOwner, {
  bad: {
    'a package in a foreign folder': {
      files: { 'src/daemon/a.ts': "import { open } from 'lmdb';" },
      finds: 'src/daemon/a.ts:1: imports lmdb, which belongs to store',
    },
    'a part of a package in a foreign folder': {
      files: { 'src/cli/a.ts': "import { base58btc } from 'multiformats/bases/base58';" },
      finds: 'src/cli/a.ts:1: imports multiformats, which belongs to codec',
    },
    'a package that nobody owns': {
      files: { 'src/cli/a.ts': "import x from '@acme/left-pad/deep.js';" },
      finds:
        'src/cli/a.ts:1: imports @acme/left-pad, which belongs to nobody: name its owner in test/tidy/layers.ts',
    },
    'a tool outside its place': {
      files: { 'bench/a.ts': "import fc from 'fast-check';" },
      finds: 'bench/a.ts:1: imports fast-check, which belongs to test/',
    },
  },
  good: {
    'the owner, its tests and benches': {
      'src/store/a.ts': "import { open } from 'lmdb';",
      'test/store/a.test.ts': "import { open } from 'lmdb';",
      'bench/a.ts': "import { open } from 'lmdb';",
    },
  },
});

const manifest = JSON.stringify({ dependencies: { lmdb: '1' }, devDependencies: { tinybench: '1' } });

describeRule('every package is declared', packagesAreDeclared, {
  bad: {
    'a package that is not declared': {
      files: { 'package.json': manifest, 'test/a/a.test.ts': "import 'left-pad';" },
      finds: 'test/a/a.test.ts:1: imports left-pad, which package.json does not declare',
    },
    'a development package in the product': {
      files: { 'package.json': manifest, 'src/base/a.ts': "import 'tinybench';" },
      finds: 'src/base/a.ts:1: imports tinybench, which is a devDependency and is not there once installed',
    },
  },
  good: {
    'declared packages': { 'package.json': manifest, 'bench/a.ts': "import 'tinybench'; import 'lmdb/x';" },
  },
});

describeRule('a thread that may be ended loads native addons late', threadsLoadAddonsLate, {
  bad: {
    'an addon behind an import of the entry': {
      files: {
        'workers/lane.ts': "import { a } from '../src/store/a.ts';",
        'src/store/a.ts': "import { b } from './b.ts';",
        'src/store/b.ts': "\nimport { open } from 'lmdb';",
      },
      finds: 'src/store/b.ts:2: a thread loads lmdb with its first file: use import() behind its gate',
    },
  },
  good: {
    'an addon behind import()': {
      'workers/lane.ts': "import type { A } from '../src/store/a.ts'; await import('../src/store/a.ts');",
      'src/store/a.ts': "import { open } from 'lmdb';",
    },
    'an addon of another process': { 'workers/verify-process.ts': "import { open } from 'lmdb';" },
  },
});

const ending = 'lock/, delta/ and agreement/ are synchronous and free of I/O';

describeRule('locks and deltas are synchronous', locksAndDeltasAreSynchronous, {
  bad: {
    'an async function': {
      files: { 'src/lock/a.ts': '\nexport async function f() {}' },
      finds: `src/lock/a.ts:2: async function: ${ending}`,
    },
    'an async method': {
      files: { 'src/lock/a.ts': 'class A {\n  async f() {}\n}' },
      finds: `src/lock/a.ts:2: async function: ${ending}`,
    },
    'an await': {
      files: { 'src/delta/a.ts': 'await f();' },
      finds: `src/delta/a.ts:1: await: ${ending}`,
    },
    'a promise in a type': {
      files: { 'src/delta/a.ts': 'export interface A { f(): Promise<void> }' },
      finds: `src/delta/a.ts:1: Promise: ${ending}`,
    },
    'a timer': {
      files: { 'src/lock/a.ts': 'setTimeout(f, 1);' },
      finds: `src/lock/a.ts:1: setTimeout: ${ending}`,
    },
    'a package': {
      files: { 'src/lock/a.ts': "import { z } from 'zod';" },
      finds: `src/lock/a.ts:1: imports zod: ${ending}`,
    },
    'a module that does I/O': {
      files: { 'src/delta/a.ts': "import { readFileSync } from 'node:fs';" },
      finds: `src/delta/a.ts:1: imports node:fs: ${ending}`,
    },
  },
  good: {
    'assertions and hashes': {
      'src/delta/a.ts': "import assert from 'node:assert/strict'; import { createHash } from 'node:crypto';",
    },
    'the same elsewhere': { 'src/store/a.ts': 'export async function f(): Promise<void> { await g(); }' },
  },
});
