/** What can be done to a machine under a daemon, and undone. Each function returns what undoes it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export type Undo = () => Promise<void> | void;

export type DiskKind = 'tmpfs' | 'ext4';

/** A memory file system of its own, or ext4 in a file. Of 48 MiB: an environment of LMDB begins with less than one. */
export function mountSmallDisk(directory: string, kind: DiskKind): Undo {
  const place = join(directory, 'disk');
  mkdirSync(place);
  if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', place);
  else {
    const image = join(directory, 'image');
    run('truncate', '-s', '48M', image);
    run('mkfs.ext4', '-q', '-m', '0', image);
    mountImage(directory);
  }
  return () => run('umount', '--lazy', place);
}

function mountImage(directory: string): void {
  run('mount', '-o', 'loop,errors=remount-ro', join(directory, 'image'), join(directory, 'disk'));
}

/** Whether this machine lets us; tried, since nothing else tells. */
export function canMount(kind: DiskKind): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-mount-'));
  try {
    mountSmallDisk(directory, kind)();
    return kind === 'tmpfs' || existsSync('/sys/fs/ext4/features');
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * The ext4 of `mountSmallDisk` meets an error of its own and turns read-only under whoever writes to it, as it does on a disk that fails.
 * A remount by hand is refused while files are open for writing.
 */
export function failFileSystem(directory: string): void {
  const device = basename(
    execFileSync('findmnt', ['-n', '-o', 'SOURCE', join(directory, 'disk')])
      .toString()
      .trim(),
  );
  writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, '1');
}

/** What an administrator does about it, once nobody has a file open there. */
export function mendFileSystem(directory: string): void {
  run('umount', join(directory, 'disk'));
  // Exit code 1: errors were found and corrected.
  const { status } = spawnSync('e2fsck', ['-f', '-y', join(directory, 'image')], { stdio: 'ignore' });
  if (status === null || status > 1) throw new Error(`e2fsck ended with exit code ${status}`);
  mountImage(directory);
}

export function remount(directory: string, how: 'ro' | 'rw'): void {
  run('mount', '-o', `remount,${how}`, join(directory, 'disk'));
}

/** Fills the file system of `directory` to the last byte. */
export function fillDisk(directory: string): Undo {
  const filler = join(directory, 'filler');
  const fd = openSync(filler, 'w');
  try {
    for (let bytes = 2 ** 20; bytes >= 1; ) {
      try {
        if (writeSync(fd, Buffer.alloc(bytes)) < bytes) bytes = Math.floor(bytes / 2);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(fd);
  }
  return () => rmSync(filler);
}

/** Every write of the process to its files fails, as strace makes it: for what a machine cannot be made to do and undo. */
export async function failWrites(pid: number, error: 'EROFS' | 'EDQUOT' | 'EIO' | 'ENOSPC'): Promise<Undo> {
  const calls = error === 'EIO' ? 'pwrite64,pwritev,fdatasync,fsync' : 'pwrite64,pwritev,ftruncate,fallocate';
  const words = [
    '-f',
    '-p',
    String(pid),
    '-o',
    '/dev/null',
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:error=${error}`,
  ];
  const tracer = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  await attached(tracer, pid);
  return async () => {
    tracer.kill('SIGTERM');
    await once(tracer, 'close');
  };
}

/** Until each thread of the process is traced: strace says nothing that could be waited for. */
async function attached(tracer: ChildProcess, pid: number): Promise<void> {
  const untraced = () =>
    readdirSync(`/proc/${pid}/task`).some((task) =>
      /^TracerPid:\s*0$/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')),
    );
  while (untraced()) {
    if (tracer.exitCode !== null) throw new Error(`strace ended with exit code ${tracer.exitCode}`);
    await delay(10);
  }
}

/** The process may open no further file. */
export function forbidFiles(pid: number): Undo {
  const [, soft = '', hard = ''] =
    /Max open files\s+(\d+)\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
  const open = readdirSync(`/proc/${pid}/fd`).map(Number);
  run('prlimit', '--pid', String(pid), `--nofile=${Math.max(...open) + 1}:${hard}`);
  return () => run('prlimit', '--pid', String(pid), `--nofile=${soft}:${hard}`);
}

/** Files of the process may not grow any more: EFBIG, which is how a limit of the user shows that is no quota. */
export function forbidGrowth(pid: number): Undo {
  run('prlimit', '--pid', String(pid), '--fsize=4096:unlimited');
  return () => run('prlimit', '--pid', String(pid), '--fsize=unlimited:unlimited');
}

/** True when the command is there and does what it is asked to. */
export function canRun(command: string, ...words: readonly string[]): boolean {
  try {
    run(command, ...words);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, ...words: readonly string[]): void {
  execFileSync(command, words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
