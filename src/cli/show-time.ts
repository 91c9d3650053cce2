import { formatDuration } from '../base/duration.ts';

/** `2m 5s ago (14:03:22)`, `in 1m 58s (14:03:22)`; with the date when that is another day. Local time. */
export function showTime(iso: string, nowMs: number): string {
  const timeMs = Date.parse(iso);
  if (Number.isNaN(timeMs)) return iso;
  const distance = formatDuration(Math.abs(timeMs - nowMs));
  return `${timeMs > nowMs ? `in ${distance}` : `${distance} ago`} (${clockTime(timeMs, nowMs)})`;
}

/** `14:03:22` on the day of `nowMs`, else `2026-01-31 14:03:22`. */
export function clockTime(timeMs: number, nowMs: number): string {
  const local = localParts(timeMs);
  return local.date === localParts(nowMs).date ? local.time : `${local.date} ${local.time}`;
}

function localParts(timeMs: number): { readonly date: string; readonly time: string } {
  const at = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, '0');
  return {
    date: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    time: `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
  };
}
