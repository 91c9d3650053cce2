import { CollabError } from './errors.ts';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/**
 * A duration such as `500ms`, `90s`, `2m`, `1.5h`, `7d` in milliseconds. A bare number counts as seconds.
 * @throws INVALID_ARGUMENT for anything else, including negative and non-finite values.
 */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/.exec(text.trim());
  if (!match) {
    throw new CollabError('INVALID_ARGUMENT', `"${text.slice(0, 40)}" is not a duration`, {
      next: 'Write a number and a unit: 500ms, 90s, 2m, 1h, 7d.',
    });
  }
  return Number(match[1]) * unitMs[(match[2] ?? 's') as keyof typeof unitMs];
}

/**
 * A point in time in epoch milliseconds: ISO 8601, or a duration meaning "that long before `nowMs`".
 * @throws INVALID_ARGUMENT for anything else.
 */
export function parseTimeMs(text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?(ms|s|m|h|d|w)$/.test(text.trim())) return nowMs - parseDurationMs(text);
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text.trim()) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) {
    throw new CollabError('INVALID_ARGUMENT', `"${text.slice(0, 40)}" is not a time`, {
      next: 'Write ISO 8601 (2026-01-31T12:00:00Z) or how long ago (10m, 2h, 7d).',
    });
  }
  return timeMs;
}

/** A duration for people: `850ms`, `42s`, `2m 5s`, `3h 10m`, `4d 2h`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, Math.round(durationMs));
  if (ms < 1000) return `${ms}ms`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s}s`;
  if (s < 3600) return joined(Math.floor(s / 60), 'm', s % 60, 's');
  if (s < 86_400) return joined(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'm');
  return joined(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

function joined(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit} ${small}${smallUnit}`;
}
