const isSource = import.meta.url.endsWith('.ts');

/** `tsc` rewrites the extension of imports, not of URLs: the sources run `.ts` workers (through tsx), the build `.js`. */
export function workerUrl(name: string): string {
  return url(`${name}.${isSource ? 'ts' : 'js'}`);
}

/** What the threads of a pool run: see workers/pool-task.cts, which tsx does not need, nor can follow. */
export function poolTask(name: 'lane' | 'read'): { readonly filename: string; readonly name: string } {
  return isSource ? { filename: workerUrl(name), name: 'run' } : { filename: url('pool-task.cjs'), name };
}

function url(file: string): string {
  return new URL(`../../workers/${file}`, import.meta.url).href;
}
