import type { CommandRun } from './command-context.ts';
import type { CommandName } from './commands.ts';

/** Where each command is implemented. A module is loaded when its command runs, and no other. */
export const commandModules: { readonly [Name in CommandName]: () => Promise<CommandRun<Name>> } = {
  run: async () => (await import('./commands/run.ts')).run,
  'daemon start': async () => (await import('./commands/daemon.ts')).start,
  'daemon stop': async () => (await import('./commands/daemon.ts')).stop,
  'daemon restart': async () => (await import('./commands/daemon.ts')).restart,
  'daemon status': async () => (await import('./commands/status.ts')).status,
  status: async () => (await import('./commands/status.ts')).status,
  'lock acquire': async () => (await import('./commands/lock-acquire.ts')).acquire,
  'lock release': async () => (await import('./commands/lock.ts')).release,
  'lock renew': async () => (await import('./commands/lock.ts')).renew,
  'lock check': async () => (await import('./commands/lock.ts')).check,
  'lock list': async () => (await import('./commands/lock-list.ts')).list,
  'lock history': async () => (await import('./commands/audit.ts')).lockHistory,
  'lock force': async () => (await import('./commands/lock.ts')).force,
  why: async () => (await import('./commands/why.ts')).why,
  'context share': async () => (await import('./commands/context-share.ts')).share,
  'context list': async () => (await import('./commands/context.ts')).list,
  'context show': async () => (await import('./commands/context.ts')).show,
  log: async () => (await import('./commands/log.ts')).log,
  audit: async () => (await import('./commands/audit.ts')).audit,
  'config show': async () => (await import('./commands/config.ts')).show,
  'config get': async () => (await import('./commands/config.ts')).get,
  'config set': async () => (await import('./commands/config.ts')).set,
  'config reset': async () => (await import('./commands/config.ts')).reset,
  verify: async () => (await import('./commands/verify.ts')).verify,
  compact: async () => (await import('./commands/compact.ts')).compact,
  version: async () => (await import('./commands/version.ts')).version,
};
