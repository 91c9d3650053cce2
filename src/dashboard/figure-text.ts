const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat('en', { style: 'currency', currency: 'USD' });
const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `9,999`, then `10.2K`, `3.4M`. */
export function figureText(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

export function dollarText(value: number): string {
  return value > 0 && value < 0.01 ? '< $0.01' : dollars.format(value);
}

/** The same as `agent-collab status` writes. */
export function byteText(bytes: number): string {
  const step = Math.min(byteUnits.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[step] ?? 'B'}`;
}

/** `1 agent`, `3 agents`. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${figureText(count)} ${count === 1 ? one : many}`;
}
