/** A duration for people: `0s`, `42s`, `2m 05s`, `3h 10m`, `4d 2h`. Digits do not move while it counts down. */
export function durationText(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return '–';
  const s = Math.max(0, Math.floor(durationMs / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, '0')}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`;
}

/** How long ago, in one unit: what is read at a glance and changes seldom. */
export function agoText(durationMs: number): string {
  const s = Math.floor(durationMs / 1000);
  if (s < 5) return 'now';
  if (s < 60) return `${s - (s % 5)}s ago`;
  if (s < 3600) return `${Math.floor(s / 60)}m ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ago`;
  return `${Math.floor(s / 86_400)}d ago`;
}
