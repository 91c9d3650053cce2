import { formatBytes } from './commands/status.ts';

/** `copying 1.2 GiB of 3.4 GiB (35 %)`; without a total what is known. */
export function byteProgress(
  what: string,
  { done, total }: { readonly done: number; readonly total: number },
): string {
  if (total <= 0) return what;
  const percent = Math.min(100, Math.floor((done / total) * 100));
  return `${what} ${formatBytes(done)} of ${formatBytes(total)} (${percent} %)`;
}
