/**
 * Looks at everything in a data directory and says how it is: each finding from what was read, written or answered just now. Starts no
 * daemon and makes no directory.
 */
import { existsSync } from 'node:fs';
import { finishInterruptedRestore, takeOwnerLock } from '../backup/restore.ts';
import { CollabError } from '../base/errors.ts';
import type { StatusView, VerifyView } from '../control/results.ts';
import { verifyStopped } from '../daemon/offline-verify.ts';
import { type HomePaths, homePaths } from '../home/home-paths.ts';
import { prepareHome } from '../home/prepare-home.ts';
import { finishInterruptedMigration } from '../migrate/place-import.ts';
import type { ClientReport } from '../setup/set-up.ts';
import { lostText } from '../store/verify-report.ts';
import { checkClock, checkPeers } from './check-cluster.ts';
import { checkRunning, checkStopped } from './check-daemon.ts';
import { checkDirectory, checkDisk, openToOthers } from './check-directory.ts';
import {
  checkBackups,
  checkIdentity,
  checkMigration,
  checkRestore,
  checkSetAside,
  checkSettings,
} from './check-files.ts';
import { checkClients, checkProgram } from './check-program.ts';
import { checkStores } from './check-stores.ts';
import { bad, type CheckName, type Finding, ok, warn } from './finding.ts';

/** The daemon as the doctor needs it. The command line supplies it. */
export interface RunningDaemon {
  /** Undefined when none answers. */
  status(): Promise<StatusView | undefined>;
  verify(repair: boolean): Promise<VerifyView>;
}

export interface DoctorOptions {
  readonly home: string;
  /** The file that runs, as it was called. */
  readonly script: string;
  /** How the clients that are installed are connected; undefined while no daemon runs. */
  readonly clients: () => Promise<readonly ClientReport[] | undefined>;
  readonly daemon: RunningDaemon;
  readonly onStep?: (what: string) => void;
}

export interface Checkup {
  readonly home: string;
  /** False when a finding is `bad`. */
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

export async function examine(options: DoctorOptions): Promise<Checkup> {
  const paths = homePaths(options.home);
  const installed = [checkProgram(options.script), checkClients(await options.clients())];
  const kept = existsSync(paths.root)
    ? await examineAll(paths, options)
    : [ok('directory', `there is no ${paths.root} yet: the first command makes it`)];
  const findings = [...installed, ...kept];
  return { home: paths.root, healthy: findings.every(({ state }) => state !== 'bad'), findings };
}

async function examineAll(paths: HomePaths, options: DoctorOptions): Promise<readonly Finding[]> {
  const directory = await checkDirectory(paths);
  // What cannot be entered cannot be looked at.
  if (directory.state === 'bad' && directory.mendable !== true) return [directory];
  const { finding: settings, maxBytes } = await checkSettings(paths);
  const status = await options.daemon.status();
  const about = status === undefined ? await checkStopped(paths) : checkRunning(status);
  return [
    directory,
    await checkDisk(paths, status?.store.diskBytes ?? 0, maxBytes),
    settings,
    await checkIdentity(paths),
    await checkClock(paths),
    ...about,
    checkPeers(status),
    await checkRestore(paths),
    await checkMigration(paths),
    ...(await examineStores(paths, status, options)),
    await checkSetAside(paths),
    await checkBackups(paths),
  ];
}

async function examineStores(
  paths: HomePaths,
  status: StatusView | undefined,
  { home, daemon, onStep = () => {} }: DoctorOptions,
): Promise<readonly Finding[]> {
  if (status?.storage === 'memory') {
    const next = 'Stop the daemon that runs with --memory to have the stores on disk looked at.';
    return [warn('delta', 'not looked at: the daemon keeps everything in memory', next)];
  }
  if (status === undefined && !existsSync(paths.deltaStore)) return checkStores(undefined);
  onStep('reading every record of the stores');
  try {
    const view =
      status === undefined
        ? await verifyStopped(home, {
            onProgress: ({ store, done, total }) => onStep(`reading ${store}, ${done} of ${total}`),
          })
        : await daemon.verify(false);
    return checkStores(view);
  } catch (error) {
    if (!(error instanceof CollabError)) throw error;
    return [
      bad('delta', `the stores cannot be looked at: ${error.message}`, error.next ?? 'Check the disk.'),
    ];
  }
}

/** Does what can be done about `findings`. @returns what was done, in sentences. */
export async function mend(findings: readonly Finding[], options: DoctorOptions): Promise<readonly string[]> {
  const paths = homePaths(options.home);
  const wanted = new Set<CheckName>(
    findings.filter((one) => one.mendable === true).map(({ check }) => check),
  );
  const done: string[] = [];
  if (wanted.has('directory')) {
    const before = await openToOthers(paths.root);
    const { tightened, warnings } = await prepareHome(options.home);
    // With the modes before, so that they can be put back.
    if (tightened.length > 0) done.push(`closed to others: ${before.join(', ')}`);
    done.push(...warnings);
  }
  if (wanted.has('daemon') || wanted.has('restore') || wanted.has('migration'))
    done.push(...(await finish(paths)));
  if (wanted.has('delta') || wanted.has('index') || wanted.has('audit'))
    done.push(...(await repair(options)));
  return done;
}

/** Taking the owner's lock removes what a dead owner left. */
async function finish(paths: HomePaths): Promise<readonly string[]> {
  const owner = await takeOwnerLock(paths.root, 'doctor');
  const done: string[] = [];
  try {
    if (owner.leftBehind !== undefined)
      done.push(`removed daemon.json of pid ${owner.leftBehind.pid}, which is gone`);
    const restored = await finishInterruptedRestore(paths.root);
    if (restored !== undefined) done.push(restored.text);
    const migrated = await finishInterruptedMigration(paths);
    if (migrated !== undefined) done.push(migrated);
  } finally {
    await owner.close();
  }
  return done;
}

async function repair({ home, daemon, onStep = () => {} }: DoctorOptions): Promise<readonly string[]> {
  onStep('repairing the stores');
  const isUp = (await daemon.status()) !== undefined;
  const { repaired } = isUp ? await daemon.verify(true) : await verifyStopped(home, { repair: true });
  if (repaired === undefined) return [];
  const { rebuilt, lost, aside } = repaired;
  if (rebuilt.length === 0) return ['nothing had to be repaired'];
  const kept = aside.length === 0 ? '' : `; the damaged files are kept in ${aside.join(', ')}`;
  return [`wrote ${rebuilt.join(', ')} anew; lost: ${lostText(lost)}${kept}`];
}
