import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { play } from './play.ts';
import type { ProtocolBug } from './protocol-bugs.ts';
import { drawScript, type Script } from './script.ts';
import type { AgreementClass } from './simulation.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What the state machine is made of. */
const folders = ['agreement', 'lock', 'codec', 'base'];

/** Calls `use` with a state machine that has the bug in it. @throws when a text is not there once: then nothing was planted. */
export async function withBug<T>(bug: ProtocolBug, use: (planted: AgreementClass) => T): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-protocol-'));
  try {
    for (const folder of folders)
      cpSync(join(root, 'src', folder), join(directory, 'src', folder), { recursive: true });
    cpSync(join(root, 'package.json'), join(directory, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    for (const { file, replace, by } of bug.edits) {
      const path = join(directory, 'src', 'agreement', file);
      const parts = readFileSync(path, 'utf8').split(replace);
      if (parts.length !== 2)
        throw new Error(
          `"${bug.name}" cannot be planted: its text stands ${parts.length - 1} times in ${file}, not once`,
        );
      writeFileSync(path, parts.join(by));
    }
    const url = pathToFileURL(join(directory, 'src', 'agreement', 'agreement.ts')).href;
    const planted = (await import(url)) as { readonly Agreement: AgreementClass };
    return use(planted.Agreement);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @returns the first seed from `first` on whose run shows the bug, and what it shows; undefined when none of `seeds`, or the bug's script, does. */
export function findBug(
  bug: ProtocolBug,
  seeds: number,
  first = 1,
): Promise<{ readonly seed: number; readonly problem: string } | undefined> {
  return withBug(bug, (planted) => {
    for (const script of scriptsFor(bug, seeds, first)) {
      const problem = problemOf(script, planted);
      if (problem !== undefined && bug.breaks.includes(problem.split(' ')[0] ?? ''))
        return { seed: script.seed, problem };
    }
    return undefined;
  });
}

function* scriptsFor({ script, under: faults, nodes }: ProtocolBug, seeds: number, first: number) {
  if (script !== undefined) yield script;
  else for (let seed = first; seed < first + seeds; seed += 1) yield drawScript(seed, { faults, nodes });
}

function problemOf(script: Script, planted: AgreementClass): string | undefined {
  try {
    const violation = play(script, planted).violations[0];
    return violation === undefined ? undefined : `${violation.invariant} ${violation.what}`;
  } catch (error) {
    // An assertion of the state machine itself finds what the judge would have.
    return `I1 ${String(error)}`;
  }
}
