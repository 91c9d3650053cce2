/** The move from the older program and back, killed in the middle: the old or the new state, whole, and done the next time (G5). */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listTree, type TreeEntry } from '../src/backup/tree.ts';
import { lockFileName } from '../src/store/data-file.ts';
import { metricLine, writeLegacyHome } from '../test/migrate/legacy-home.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { done, drawKill, killCommand } from './killing.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

/** Passed only when there is a log already, or no config.json. */
const besideLog: ReadonlySet<string> = new Set(['migrate.copied', 'migrate.moved-away']);
const withYamlAlone: ReadonlySet<string> = new Set(['migrate.config']);

interface Legacy {
  /** Contexts that must be imported. */
  readonly contexts: number;
  readonly yaml: boolean;
}

/** A directory of the older program with what users have beside: Unicode, a torn line, a link, files that nobody knows. */
function writeLegacy(round: Round, yaml: boolean): Legacy {
  const { home, random } = round;
  const contexts = random.int(3, 40);
  mkdirSync(home, { mode: 0o755 });
  writeLegacyHome(home, {
    documents: Array.from({ length: contexts }, (_, at) => ({
      id: `doc-${at}`,
      content: `context ${at} — グラフ`,
      filePath: `src/f${at % 5}.go`,
      dimension: random.pick([8, 16]),
    })),
  });
  writeFileSync(join(home, 'metrics', 'usage_2026-11-24.jsonl'), `${metricLine(9)}\n{"id":"rec-to`);
  mkdirSync(join(home, 'notes of mine', 'empty'), { recursive: true });
  writeFileSync(join(home, 'notes of mine', 'ü.txt'), 'keep me', { mode: 0o640 });
  symlinkSync('../elsewhere', join(home, 'link'));
  writeFileSync(join(home, 'badger', 'delta', '000001.vlog'), Buffer.alloc(100, 7));
  if (yaml) {
    renameSync(join(home, 'config.json'), join(home, 'badger', 'was-config'));
    writeFileSync(join(home, 'config.yaml'), 'project_name: demo\nlisten_port: 0\n');
  }
  return { contexts, yaml };
}

/** All that a rollback answers for: the lock file of whoever owned the directory is nobody's data. */
async function treeOf(round: Round): Promise<string> {
  const { entries } = await listTree(round.home, {
    skip: (path) => ['backups', 'daemon.lock'].includes(path),
  });
  return entries.map((entry) => JSON.stringify(withoutTimes(entry))).join('\n');
}

/** A directory's own time is that of its newest entry's coming or going; LMDB's table of readers changes when anybody looks at a log. */
function withoutTimes(entry: TreeEntry): unknown {
  if (basename(entry.path) === lockFileName) return { path: entry.path };
  return entry.kind === 'directory' ? { ...entry, mtimeUs: undefined } : entry;
}

/** Each imported context once: to import again what a killed run had imported would show. */
async function assertImported(round: Round, daemon: DaemonProcess, { contexts }: Legacy): Promise<void> {
  const { deltas } = await round.check(daemon);
  const imported = deltas
    .map(({ payload }) => payload.content)
    .filter((text) => /^context \d+ —/.test(String(text)));
  if (imported.length !== contexts || new Set(imported).size !== contexts)
    round.problems.push(`G5: ${imported.length} contexts were imported, there are ${contexts}`);
}

async function assertRolledBack(round: Round, before: readonly string[]): Promise<void> {
  const after = await treeOf(round);
  if (before.includes(after)) return;
  const lines = after.split('\n');
  const differences = before.map((tree) => {
    const was = tree.split('\n');
    const [came, went] = [
      lines.filter((line) => !was.includes(line)),
      was.filter((line) => !lines.includes(line)),
    ];
    return `${came.join()} instead of ${went.join()}`;
  });
  round.problems.push(`G5: the directory is not as it was: ${differences.join('; or ')}`);
}

/** A daemon of this program, before or between: what it acknowledges must outlive the migration. */
async function useForAWhile(round: Round): Promise<void> {
  const daemon = await round.startReady();
  await round.workFor(daemon, 10);
  await round.check(daemon);
  await round.stop(daemon);
}

const killInMigration: Scenario = {
  name: 'kill-in-migration',
  about:
    'a migration is killed at a named place or a drawn moment: it ends the next time as if nothing had been, and a rollback restores every byte (G1–G5)',
  async run(round) {
    const kill = drawKill(round, ['migrate.'], 900);
    const place = kill.place ?? 'drawn';
    const legacy = writeLegacy(round, withYamlAlone.has(place) || round.random.chance(0.2));
    if (besideLog.has(place) || round.random.chance(0.2)) await useForAWhile(round);
    const before = [await treeOf(round)];
    await killCommand(round, ['migrate', 'start'], kill);
    if (round.random.chance(0.3)) {
      await useForAWhile(round);
      round.notes.push('a daemon ran between');
      before.push(await treeOf(round));
    }
    const { outcome } = await done(round, ['migrate', 'start']);
    round.notes.push(String(outcome));
    const daemon = await round.startReady();
    await round.workFor(daemon, 10);
    await assertImported(round, daemon, legacy);
    await round.stop(daemon);
    await done(round, ['migrate', 'rollback']);
    await assertRolledBack(round, before);
  },
};

const killInRollback: Scenario = {
  name: 'kill-in-rollback',
  about:
    'a rollback is killed at a named place or a drawn moment: the next one restores every byte, and a migration can begin anew (G1–G5)',
  async run(round) {
    const kill = drawKill(round, ['restore.'], 500);
    const legacy = writeLegacy(round, round.random.chance(0.2));
    const before = await treeOf(round);
    await done(round, ['migrate', 'start']);
    const daemon = await round.startReady();
    await round.workFor(daemon, 15);
    await assertImported(round, daemon, legacy);
    if (round.random.chance(0.5)) await round.stop(daemon);
    else await round.workUntil(daemon, 10, () => daemon.kill());
    await killCommand(round, ['migrate', 'rollback'], kill);
    const second = await round.command(['migrate', 'rollback']).outcome();
    // Killed at its very end, it was done.
    if (second.data === undefined && second.error?.code !== 'NOT_FOUND')
      round.problems.push(`G5: a rollback that ran again ended with ${JSON.stringify(second.error)}`);
    await assertRolledBack(round, [before]);
    await assertKept(round);
    round.forget();
    await done(round, ['migrate', 'start']);
    const again = await round.startReady();
    await round.workFor(again, 10);
    await assertImported(round, again, legacy);
    await round.stop(again);
  },
};

/** What was made since the migration is in a backup. */
async function assertKept(round: Round): Promise<void> {
  const { backups } = (await done(round, ['migrate', 'backups'])) as {
    readonly backups: readonly { readonly reason: string; readonly state: string }[];
  };
  if (!backups.some(({ reason, state }) => reason === 'before-rollback' && state === 'complete'))
    round.problems.push(`G5: no backup holds what was there: ${JSON.stringify(backups)}`);
}

export const migrationScenarios: readonly Scenario[] = [killInMigration, killInRollback];
