/** Inputs and outputs of the tools. Every word of a description is read by every model at every start: short, and none twice. */
import { z } from 'zod';
import { maxIntentionChars, maxTargets } from '../base/limits.ts';

const text = z.string();
const lockId = text.min(1).max(100);
const fence = z.int().min(0);
const path = text.min(1).max(4096);
const target = path.describe('path, path:10-20, path#symbol or glob');

export const inputs = {
  acquire_lock: z.strictObject({
    targets: z.array(target).min(1).max(maxTargets),
    intention: text.min(1).max(maxIntentionChars).describe('others read it when denied'),
    shared: z.boolean().optional(),
    ttl_s: z.number().min(1).max(3600).optional(),
    wait_ms: z.int().min(0).max(50_000).optional(),
    priority: z.int().min(-10).max(10).optional(),
  }),
  release_lock: z.strictObject({ id: lockId, fence: fence.optional() }),
  renew_lock: z.strictObject({
    id: lockId,
    fence: fence.optional(),
    ttl_s: z.number().min(1).max(3600).optional(),
  }),
  check_lock: z.strictObject({ id: lockId, fence: fence.optional() }),
  list_locks: z.strictObject({ path: path.optional(), mine: z.boolean().optional() }),
  why: z.strictObject({ target }),
  share_context: z.strictObject({
    path: path.describe('what it is about; . for the project'),
    content: text.min(1).max(200_000),
    tags: z.array(text.min(1).max(100)).max(50).optional(),
    metadata: z.record(text, z.json()).optional(),
    supersedes: text.max(100).optional().describe('id it replaces'),
  }),
  search_similar: z.strictObject({
    query: text.min(1).max(10_000),
    path: path.optional(),
    limit: z.int().min(1).max(20).optional(),
  }),
  get_updates: z.strictObject({
    paths: z.array(path).max(100).optional().describe('more paths or globs to hear about'),
    keep_minutes: z.int().min(1).max(43_200).optional().describe('hear about them from now on'),
  }),
  check_cohesion: z.strictObject({
    text: text.min(1).max(20_000).describe('the plan, or what was done'),
    when: z.enum(['before', 'after']),
    path: path.optional(),
  }),
  cluster_status: z.strictObject({}),
  report_usage: z.strictObject({
    tokens: z.int().min(0).max(1e12),
    model: text.min(1).max(200),
    category: z.enum(['embedding', 'sync', 'negotiation', 'query', 'other']).optional(),
    direction: z.enum(['input', 'output']).optional(),
  }),
};

const lock = z.object({
  id: text,
  fence: z.int(),
  targets: z.array(text),
  holder: text,
  mode: text,
  intention: text,
  expires_at: text,
  assurance: text,
  node: text.optional(),
});
const notices = z.array(text).optional();
const passage = z.object({ id: text, path: text, agent: text });

export const outputs = {
  acquire_lock: z.object({
    granted: z.boolean(),
    lock: lock.optional(),
    denial: z
      .object({
        message: text,
        next: text,
        holder: text.optional(),
        intention: text.optional(),
        expires_at: text.optional(),
        overlap: text.optional(),
        lock_id: text.optional(),
      })
      .optional(),
    notices,
  }),
  release_lock: z.object({ released: lockId, notices }),
  renew_lock: z.object({ id: text, fence: z.int(), expires_at: text, notices }),
  check_lock: z.object({
    valid: z.boolean(),
    reason: text.optional(),
    next: text.optional(),
    expires_at: text.optional(),
    notices,
  }),
  list_locks: z.object({
    locks: z.array(lock),
    waiting: z.array(z.object({ agent: text, targets: z.array(text), intention: text })),
    more: z.int(),
    notices,
  }),
  why: z.object({ free: z.boolean(), explanation: text, notices }),
  share_context: z.object({ id: text, path: text, durability: text, redacted: notices, notices }),
  search_similar: z.object({
    method: text,
    hits: z.array(
      passage.extend({ content: text, score: z.number(), time: text, superseded_by: text.optional() }),
    ),
    notices,
  }),
  get_updates: z.object({
    updates: z.array(z.object({ kind: text, path: text.optional(), text, at: text, id: text.optional() })),
    more: z.int(),
    next: text.optional(),
    notices,
  }),
  check_cohesion: z.object({
    verdict: z.enum(['cohesive', 'conflict', 'uncertain']),
    method: text,
    evidence: z.array(passage.extend({ passage: text, says: text, reason: text })),
    notices,
  }),
  cluster_status: z.object({
    node: text,
    version: text,
    project: text.nullable(),
    cluster: text.nullable(),
    peers: z.int(),
    locks: z.int(),
    waiting: z.int(),
    agents: z.int(),
    violations: z.int(),
    storage: text,
    warnings: z.array(text),
    notices,
  }),
  report_usage: z.object({ id: text, notices }),
};

export type ToolName = keyof typeof inputs;
export type ToolInput<Name extends ToolName> = z.output<(typeof inputs)[Name]>;
export type ToolOutput<Name extends ToolName> = z.input<(typeof outputs)[Name]>;
