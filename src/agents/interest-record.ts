/**
 * An interest as it stands in the log: a `custom` delta whose payload says all that one agent wants to hear about in one project. The
 * newest of a node takes the place of those before it, so nothing needs to be put together, and a lost one is made good by the next.
 */
import { CollabError } from '../base/errors.ts';
import { hlcToMs } from '../base/hybrid-clock.ts';
import type { RepoPath } from '../base/ids.ts';
import { maxInterestPatterns, maxPathBytes } from '../base/limits.ts';
import type { Delta, DeltaPayload } from '../delta/delta.ts';
import { compileGlob, isGlob, maxGlobAlternatives, maxGlobChars } from '../lock/glob.ts';

/** `kind` of the payload; no other `custom` delta may use it. */
const interestKind = 'interest';

/** Longest life of an interest: a program that is gone must not be written to the log of every node for ever. */
export const maxInterestMs = 30 * 86_400_000;

export interface InterestPattern {
  readonly pattern: RepoPath;
  /** Wall clock. */
  readonly expiresAtMs: number;
}

/** @param patterns all of them; none takes the interest back. */
export function interestPayload(patterns: readonly InterestPattern[]): DeltaPayload {
  return patterns.length === 0
    ? { kind: interestKind, removed: true }
    : {
        kind: interestKind,
        patterns: patterns.map(({ pattern, expiresAtMs }) => ({ pattern, expiresAtMs })),
      };
}

/**
 * What a delta says, or undefined when it is no interest. It may come from another node or version: a pattern that is malformed is left
 * out, and none lives longer than it may, whatever it claims.
 */
export function readInterest({ type, payload, time }: Delta): readonly InterestPattern[] | undefined {
  if (type !== 'custom' || payload.kind !== interestKind) return undefined;
  if (payload.removed === true) return [];
  if (!Array.isArray(payload.patterns)) return undefined;
  const latestMs = hlcToMs(time) + maxInterestMs;
  return payload.patterns.slice(0, maxInterestPatterns).flatMap((entry: unknown) => {
    const { pattern, expiresAtMs } = (entry ?? {}) as Partial<Record<keyof InterestPattern, unknown>>;
    if (typeof pattern !== 'string' || !isWithinLimits(pattern)) return [];
    if (!Number.isSafeInteger(expiresAtMs)) return [];
    return [{ pattern: pattern as RepoPath, expiresAtMs: Math.min(expiresAtMs as number, latestMs) }];
  });
}

/** @throws INVALID_ARGUMENT for a glob that is over the limits of globs. */
export function assertPattern(pattern: RepoPath): void {
  if (isWithinLimits(pattern)) return;
  throw new CollabError('INVALID_ARGUMENT', `the pattern "${pattern.slice(0, 80)}" is too large`, {
    next: `Write a shorter glob: at most ${maxGlobChars} characters and ${maxGlobAlternatives} choices in braces.`,
    details: { field: 'patterns' },
  });
}

function isWithinLimits(pattern: string): boolean {
  if (pattern === '' || pattern.length > maxPathBytes) return false;
  return !isGlob(pattern) || compileGlob(pattern) !== undefined;
}
