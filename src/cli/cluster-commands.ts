/** The commands on the cluster of this node: a part of the table in commands.ts. */
import type { CommandSpec } from './command-spec.ts';

export const clusterCommands = {
  init: {
    summary: 'make a cluster, so that other machines can join this node',
    positionals: { name: { count: 'one', summary: 'how members see the cluster, such as the project' } },
    options: {},
    example: 'agent-collab init acme',
  },
  invite: {
    summary: 'print an invite; whoever has it can join the cluster, once',
    positionals: {},
    options: { ttl: { kind: 'duration', summary: 'how long it can be used (24h when not given)' } },
    example: 'agent-collab invite --ttl 2h',
  },
  'invite list': {
    summary: 'list the invites that this node has written, and what became of them',
    positionals: {},
    options: {},
    example: 'agent-collab invite list',
  },
  'invite revoke': {
    summary: 'make an invite of this node useless',
    positionals: { id: { count: 'one', summary: 'the id that `invite list` shows', completes: 'invite' } },
    options: {},
    example: 'agent-collab invite revoke 3f9a1c07d2b4',
  },
  join: {
    summary: 'join a cluster by an invite; without one on the line it is read from standard input',
    positionals: { token: { count: 'optional', summary: 'the invite; - reads it from standard input' } },
    options: {},
    example: 'agent-collab join -',
  },
  leave: {
    summary: 'leave the cluster; the log stays',
    positionals: {},
    options: {},
    example: 'agent-collab leave',
  },
  'peers list': {
    summary: 'list the members of the cluster, how they are reached and how far they are',
    positionals: {},
    options: {},
    example: 'agent-collab peers list',
  },
  'peers evict': {
    summary: 'throw a member out; then change the key: cluster rotate',
    positionals: {
      node: { count: 'one', summary: 'its id, the end of its id, or its name', completes: 'peer' },
    },
    options: {},
    example: 'agent-collab peers evict laptop-of-bob',
  },
  'cluster rotate': {
    summary: 'give the members a new key; whoever was evicted keeps one that opens nothing',
    positionals: {},
    options: {},
    example: 'agent-collab cluster rotate',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
