import { agentCollab } from './agent-collab.ts';
import { sqliteFull, sqliteNormal } from './better-sqlite.ts';
import { classicLevel } from './classic-level.ts';
import { jsonLines } from './json-lines.ts';
import { lmdbAlone } from './lmdb-alone.ts';
import type { Peer } from './peer.ts';

export const peers: readonly Peer[] = [
  agentCollab,
  lmdbAlone,
  classicLevel,
  sqliteFull,
  sqliteNormal,
  jsonLines,
];
