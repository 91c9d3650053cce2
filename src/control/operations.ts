/**
 * What a client can ask of the daemon: one table, from which the HTTP routes (`POST /v1/<name>`), the client's types and
 * docs/API.md follow. Only the daemon loads this module; clients import its types, so that a command does not pay for zod.
 */
import { z } from 'zod';
import { auditActions } from '../audit/audit-action.ts';
import {
  maxAgentChars,
  maxIntentionChars,
  maxInterestPatterns,
  maxPathBytes,
  maxQueryLimit,
  maxSymbolChars,
  maxTargets,
} from '../base/limits.ts';
import { deltaTypes } from '../delta/delta.ts';
import { usageCategories } from '../usage/usage-category.ts';

/** Printable and without control characters: an agent id is shown in terminals and stands in index keys. */
const agent = z
  .string()
  .min(1)
  .max(maxAgentChars)
  .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters');
/** Where relative paths start and which repository is meant; absolute. */
const cwd = z.string().min(1).max(maxPathBytes);
/** A path as the user wrote it; the daemon normalises it. Its own limits are checked there, with better messages. */
const path = z.string().max(1024 * 1024);
const limit = z.int().min(1).max(maxQueryLimit);
const lockId = z.string().min(1).max(100);
const fence = z.int().min(0);
/** Paths or globs, relative to `cwd`. */
const patterns = z.array(path).min(1).max(maxInterestPatterns);
const day = z.iso.date();
const timeMs = z.number().min(0).max(8.64e15);

/** `src/a.ts`, `src/a.ts:10-20`, `src/a.ts#login`, or the same in parts. */
const target = z.union([
  z
    .string()
    .min(1)
    .max(1024 * 1024),
  z.strictObject({
    path,
    /** 1-based and inclusive; an `end` of -1 means to the end of the file. */
    start_line: z.number().optional(),
    end_line: z.number().optional(),
    symbol: z
      .strictObject({
        kind: z.enum(['function', 'class', 'method', 'module']),
        name: z.string().min(1).max(maxSymbolChars),
      })
      .optional(),
  }),
]);

const schemas = {
  status: z.strictObject({ cwd: cwd.optional() }),
  'lock.acquire': z.strictObject({
    agent,
    agentName: agent.optional(),
    cwd,
    targets: z.array(target).min(1).max(maxTargets),
    intention: z.string().min(1).max(maxIntentionChars),
    mode: z.enum(['exclusive', 'shared']).optional(),
    ttlMs: z.number().optional(),
    waitMs: z.number().optional(),
    priority: z.number().optional(),
    /** Hash of the file as the agent saw it. */
    contentHash: z.string().min(1).max(200).optional(),
  }),
  'lock.release': z.strictObject({ id: lockId, agent, fence: fence.optional() }),
  'lock.renew': z.strictObject({ id: lockId, agent, fence: fence.optional(), ttlMs: z.number().optional() }),
  'lock.check': z.strictObject({ id: lockId, agent: agent.optional(), fence: fence.optional() }),
  'lock.list': z.strictObject({
    cwd: cwd.optional(),
    path: path.optional(),
    /** Only what this agent holds or waits for. */
    holder: agent.optional(),
    /** Who asks. */
    agent: agent.optional(),
  }),
  'lock.force': z.strictObject({ id: lockId, by: agent, reason: z.string().min(1).max(maxIntentionChars) }),
  why: z.strictObject({ cwd, target, agent: agent.optional() }),
  'context.share': z.strictObject({
    agent,
    cwd,
    path,
    content: z.string().min(1),
    tags: z.array(z.string().min(1).max(100)).max(50).optional(),
    metadata: z.record(z.string(), z.json()).optional(),
    /** A context that this one takes the place of. */
    supersedes: z.string().min(1).max(100).optional(),
    durability: z.enum(['accepted', 'committed', 'flushed']).optional(),
  }),
  'context.list': z.strictObject({
    /** Without it the contexts of all projects. */
    cwd: cwd.optional(),
    path: path.optional(),
    tag: z.string().max(100).optional(),
    limit: limit.optional(),
    agent: agent.optional(),
  }),
  'context.show': z.strictObject({ id: z.string().min(1).max(100), agent: agent.optional() }),
  log: z.strictObject({
    /** Without it the log of all projects. */
    cwd: cwd.optional(),
    path: path.optional(),
    sinceMs: timeMs.optional(),
    source: z.string().min(1).max(100).optional(),
    type: z.enum(deltaTypes).optional(),
    limit: limit.optional(),
    /** Only deltas below this position: the next older page. */
    before: z.int().min(1).optional(),
  }),
  audit: z.strictObject({
    cwd: cwd.optional(),
    path: path.optional(),
    holder: agent.optional(),
    lock: lockId.optional(),
    action: z.enum(auditActions).optional(),
    fromMs: timeMs.optional(),
    toMs: timeMs.optional(),
    limit: limit.optional(),
    cursor: z.int().min(0).optional(),
  }),
  'context.search': z.strictObject({
    query: z.string().min(1).max(10_000),
    /** Without it the contexts of all projects. */
    cwd: cwd.optional(),
    path: path.optional(),
    limit: z.int().min(1).max(100).optional(),
    agent: agent.optional(),
  }),
  /** Whether what is planned (`before`) or done (`after`) fits what others shared. */
  'context.cohesion': z.strictObject({
    cwd,
    path: path.optional(),
    text: z.string().min(1).max(20_000),
    when: z.enum(['before', 'after']),
    agent: agent.optional(),
  }),
  /** Who holds or waits on any node, and who was heard of here within the hour. */
  'agent.list': z.strictObject({ agent: agent.optional() }),
  /** `paths`: paths or globs of the project that the agent wants to hear about besides those it works on. */
  'agent.updates': z.strictObject({
    agent,
    cwd,
    paths: z.array(z.string().min(1).max(maxPathBytes)).max(100).optional(),
  }),
  /** What the agent wants to hear about from now on, for `forMs`; a pattern that is there already gets this end. */
  'interest.add': z.strictObject({ agent, cwd, patterns, forMs: z.number().optional() }),
  /** Without `patterns` all that the agent asked for on this node. */
  'interest.remove': z.strictObject({ agent, cwd, patterns: patterns.optional() }),
  'interest.list': z.strictObject({
    /** Without it those of all projects. */
    cwd: cwd.optional(),
    /** Only those of this agent. */
    holder: agent.optional(),
    /** Who asks. */
    agent: agent.optional(),
  }),
  /** Who makes a tool call over MCP, from the word that the hook left before it. `session`: of the connection, when it knows. */
  'agent.identify': z.strictObject({
    tool: z.string().min(1).max(100),
    input: z.record(z.string(), z.json()),
    session: agent.optional(),
  }),
  /** Where a client's hooks are to be sent, and the token for it: the same after each restart. */
  'hook.endpoint': z.strictObject({}),
  'usage.report': z.strictObject({
    agent,
    tokens: z.int().min(0).max(1e12),
    model: z.string().min(1).max(200),
    category: z.enum(usageCategories).optional(),
    /** Read by the model, which is what is meant without it, or written. */
    direction: z.enum(['input', 'output']).optional(),
    metadata: z.record(z.string(), z.json()).optional(),
  }),
  /** Days in UTC, first and last included. */
  'usage.totals': z.strictObject({ fromDay: day, toDay: day }),
  /** Before a commit: leases of others on what is staged. */
  'commit.check': z.strictObject({ agent, cwd, paths: z.array(path).max(100_000) }),
  /** After a commit: one that went past the check with `--no-verify` is a violation. */
  'commit.report': z.strictObject({
    agent,
    cwd,
    commit: z.string().min(1).max(100),
    paths: z.array(path).max(100_000),
  }),
  verify: z.strictObject({ repair: z.boolean().optional() }),
  /** `to`: an absolute directory outside of the data directory. */
  backup: z.strictObject({ to: z.string().min(1).max(maxPathBytes).optional() }),
  compact: z.strictObject({}),
  'cluster.init': z.strictObject({
    name: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters'),
  }),
  'cluster.invite': z.strictObject({ ttlMs: z.number().optional() }),
  'cluster.invites': z.strictObject({}),
  'cluster.revokeInvite': z.strictObject({ id: z.string().min(1).max(100) }),
  'cluster.join': z.strictObject({ token: z.string().min(1).max(16_384) }),
  'cluster.leave': z.strictObject({}),
  'cluster.rotate': z.strictObject({}),
  'peers.list': z.strictObject({}),
  /** `node`: its id, the end of its id, or its name. */
  'peers.evict': z.strictObject({ node: z.string().min(1).max(100) }),
  /** A link that opens the dashboard, once. */
  'dashboard.link': z.strictObject({}),
  shutdown: z.strictObject({}),
} satisfies Record<string, z.ZodType>;

export type OperationName = keyof typeof schemas;
export type OperationInput<Name extends OperationName> = z.infer<(typeof schemas)[Name]>;

export const operations: Readonly<Record<OperationName, z.ZodType>> = schemas;
