/** Branded ids, so that a path cannot be passed where a project is meant. A cast to a brand stands where the value is made or checked. */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Who holds locks and shares context: one harness session, sub-agent or person. 1–200 characters, no control characters. */
export type AgentId = Branded<string, 'AgentId'>;
/** One repository across worktrees, clones and machines: `github.com/acme/app`, `commit:<sha>` or `path:<real path>`. */
export type ProjectId = Branded<string, 'ProjectId'>;
/** A path or glob relative to the root of its project: POSIX, normalised, never empty, never leading out; `.` is the root. */
export type RepoPath = Branded<string, 'RepoPath'>;
/** The libp2p peer id of a node: base58btc of `00 24 08 01 12 20` + its Ed25519 public key. */
export type NodeId = Branded<string, 'NodeId'>;
export type LockId = Branded<string, 'LockId'>;
/** `<source>:<seq>`: a delta's id follows from who wrote it and its number, and so can never collide. */
export type DeltaId = Branded<string, 'DeltaId'>;
/** Place of a delta in this node's log: 1, 2, 3, … without a gap. Local to the node. */
export type Position = Branded<number, 'Position'>;
