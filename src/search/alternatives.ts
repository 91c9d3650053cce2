/** What of the words of a statement means the same, and of what one takes one and not another: the knowledge behind a verdict. */
import { stemOf } from './words.ts';

/** Words for one thing to do; the first stands for all. */
const synonyms: readonly string[] = [
  'remove delete drop erase purge unlink wipe clear discard clean',
  'add introduce insert append include create',
  'start launch boot begin',
  'stop end halt shutdown',
  'store keep save persist hold live lives',
  'send post deliver emit push',
  'change edit modify alter update adjust',
  'rename move',
  'read fetch load query get',
  'log print',
  'skip bypass omit ignore',
  'forbid ban prohibit disallow refuse reject deny',
  'allow permit accept',
  'directly straight',
  'merge combine unify single shared common',
  'separate own dedicated isolated distinct',
  'timer settimeout setinterval',
  'disk writefilesync readfilesync',
  'error exception failure',
  'test spec',
  'secret credential',
  'password passphrase',
  'repo repository',
  'config configuration setting',
  'dependency package library',
];

/** Of each of these one takes one: a plan that takes another than was decided goes against it. */
const alternatives: readonly string[] = [
  'redis memcached postgres postgresql mysql sqlite lmdb leveldb mongodb dynamodb memory localstorage cookie s3',
  'json cbor protobuf msgpack xml yaml toml csv avro',
  'bcrypt argon2 argon2id scrypt pbkdf2 md5 sha1',
  'rest graphql grpc soap',
  'websocket sse polling webhook',
  'cursor offset',
  'npm yarn pnpm bun',
  'jest vitest mocha jasmine ava',
  'cypress playwright selenium puppeteer',
  'webpack vite esbuild rollup parcel',
  'tailwind sass less bootstrap',
  'redux zustand mobx tanstack recoil',
  'moment dayjs luxon',
  'axios fetch got superagent',
  'prisma drizzle knex typeorm sequelize',
  'winston pino bunyan',
  'kafka rabbitmq sqs nats',
  'tabs spaces',
  'uuid ulid serial autoincrement',
  'float integer decimal',
  'utc localtime',
  'rebase merge squash',
  'http https',
  'terraform pulumi cloudformation',
  'docker podman',
  'github gitlab bitbucket',
  'react vue svelte angular',
  'express fastify koa hono',
  'primary replica',
  'synchronous asynchronous',
  'sync async',
  'camelcase snakecase kebabcase',
  'px rem em',
];

/** Each is what the other is not. */
const opposites: readonly string[] = [
  'enable disable',
  'allow forbid',
  'public private',
  'increase decrease',
  'raise lower',
  'optional required',
  'ascending descending',
  'separate merge',
  'nullable required',
  'mutable immutable',
  'eager lazy',
  'automatic manual',
  'blocking nonblocking',
  'sequential parallel',
  'relative absolute',
  'hard soft',
];

const canonical = new Map<string, string>();
for (const line of synonyms) {
  const stems = line.split(' ').map(stemOf);
  for (const stem of stems) canonical.set(stem, stems[0] ?? stem);
}

/** The stem that stands for a word and those that mean the same. */
export function meaningOf(word: string): string {
  const stem = stemOf(word);
  return canonical.get(stem) ?? stem;
}

const groups: readonly ReadonlySet<string>[] = alternatives.map(
  (line) => new Set(line.split(' ').map(meaningOf)),
);

const oppositeOf = new Map<string, string>();
for (const line of opposites) {
  const [one = '', other = ''] = line.split(' ').map(meaningOf);
  oppositeOf.set(one, other);
  oppositeOf.set(other, one);
}

/** What a plan takes instead of what was decided: of one group, and nothing of it in common. */
export function otherChoice(
  decided: ReadonlySet<string>,
  planned: ReadonlySet<string>,
): { readonly decided: string; readonly planned: string } | undefined {
  for (const group of groups) {
    const before = [...decided].filter((meaning) => group.has(meaning));
    const now = [...planned].filter((meaning) => group.has(meaning));
    const [first] = before;
    const [other] = now;
    if (first === undefined || other === undefined || before.some((meaning) => now.includes(meaning)))
      continue;
    return { decided: first, planned: other };
  }
  return undefined;
}

/** What a plan does that is the opposite of what was decided. */
export function oppositeIn(
  decided: ReadonlySet<string>,
  planned: ReadonlySet<string>,
): { readonly decided: string; readonly planned: string } | undefined {
  for (const meaning of planned) {
    const opposite = oppositeOf.get(meaning);
    if (opposite !== undefined && decided.has(opposite) && !decided.has(meaning) && !planned.has(opposite))
      return { decided: opposite, planned: meaning };
  }
  return undefined;
}
