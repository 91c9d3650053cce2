/** Limits of what peers may send and hold, in one place. Each number says what it decides. */

/** Deltas of one run: verifying it takes about 3 ms of the peers' thread, and storing it about 1 ms of the main one. */
export const maxRunDeltas = 512;
/** Bytes of one run; a single delta of 256 KiB fits. */
export const maxRunBytes = 1024 * 1024;
/** What is told by gossip. More than this at once goes by direct streams: gossip takes four times the CPU a byte. */
export const maxGossipBytes = 64 * 1024;
export const maxGossipDeltas = 128;
/** Members that a run names as told, 4 bytes each: as many as a node has connections. */
export const maxToldMembers = 300;
/** The longest gossip message that is looked at: a run that is nearly full and takes one more delta of the largest size, and what surrounds it. */
export const maxGossipMessageBytes = 336 * 1024;
/** Records that a server reads and groups at a time when it answers a catch-up. */
export const windowDeltas = 2048;
export const windowBytes = 2 * 1024 * 1024;
/** Windows on their way to one peer that has not said that it took them: what back-pressure allows. */
export const windowsAhead = 2;
/** Deltas that came before what they build on. Over this, the newest are dropped: catch-up brings them again. */
export const maxHeldDeltas = 8192;
export const maxHeldBytes = 16 * 1024 * 1024;
/** Deltas that the main thread is given at a time: it takes them in about 2 ms, in which it answers nobody. */
export const maxBatchDeltas = 512;
export const maxBatchBytes = 512 * 1024;
/** One length-prefixed message of a direct stream. */
export const maxStreamMessageBytes = maxRunBytes + 64 * 1024;
/** A hello with the vectors of a few hundred sources and a thousand membership records. */
export const maxHelloBytes = 2 * 1024 * 1024;
/** How long a peer may let another wait for its next message on a direct stream, or for room for one. */
export const streamTimeoutMs = 10_000;
/** From then on it must bring or take so much: a thirtieth of what a line brings that loses 5 % and takes 100 ms. */
export const leastBytesPerSecond = 4096;
/** Membership records of a cluster: ten for each of a hundred nodes. */
export const maxMemberRecords = 2000;
export const maxNameChars = 100;
export const maxAddresses = 16;
/** Messages a second that one peer may tell for long, and at once. Each costs up to a millisecond. */
export const gossipPerSecond = 200;
export const gossipBurst = 600;
export const gossipBytesPerSecond = 8 * 1024 * 1024;
export const gossipBytesBurst = 24 * 1024 * 1024;
/** Between two messages of this node's gossip: what comes meanwhile goes into the next one. */
export const gossipPauseMs = 8;
/** Streams that a peer may open for long, and at once. */
export const streamsPerSecond = 5;
export const streamsBurst = 40;
/** Messages that a member may send straight for long, and at once: a claim takes four to six of each other member. */
export const directPerSecond = 2000;
export const directBurst = 8000;
export const directBytesPerSecond = 8 * 1024 * 1024;
export const directBytesBurst = 32 * 1024 * 1024;
/** How often two peers compare their vectors though nothing speaks for a gap. */
export const catchUpIntervalMs = 60_000;
