/** Limits on what comes from outside. Each number says what it decides; a decoder or validator asserts it. */

/** Longest path, as POSIX systems have it (PATH_MAX), in UTF-8 bytes. */
export const maxPathBytes = 4096;
/** Longest intention of a claim, in characters: it travels in every denial and audit event. */
export const maxIntentionChars = 500;
/** Longest agent id, in characters: it is part of index keys. */
export const maxAgentChars = 200;
/** Longest project id, in UTF-8 bytes: it is part of index keys. A longer one is replaced by its hash. */
export const maxProjectBytes = 512;
/** Longest symbol name, in characters. */
export const maxSymbolChars = 500;
/** Targets of one claim. */
export const maxTargets = 256;
/** Paths and globs that one agent may ask to hear about in one project. */
export const maxInterestPatterns = 32;
/** An encoded delta, in bytes (SPEC §4). */
export const maxDeltaBytes = 256 * 1024;
/** An HTTP request body, in bytes. Over `maxDeltaBytes` because JSON escapes inflate a payload. */
export const maxRequestBytes = 1024 * 1024;
/** The event of a hook, in bytes: a client sends the old and the new text of a file with it. */
export const maxHookBytes = 8 * 1024 * 1024;
/** Nesting of a payload: deeper input is refused before it can exhaust the stack. */
export const maxPayloadDepth = 64;
/** Records that one query may ask for. */
export const maxQueryLimit = 10_000;
