/** `tsc` rewrites the extension of imports, not of URLs: the sources run `.ts` workers (through tsx), the build `.js`. */
export function workerUrl(name: string): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../../workers/${name}.${extension}`, import.meta.url).href;
}
