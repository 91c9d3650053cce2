/**
 * What a process of the tests or the benches begins with: tsx for these themselves, and the build instead of the sources for what they run. A worker
 * thread inherits this and begins in the build, without a loader of its own: what opens many stores takes half
 * the time so.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  await import('tsx');
  register('./built-sources.js', import.meta.url);
}
