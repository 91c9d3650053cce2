/** From a command line to an exit code: the only place that knows how a command ends. */

import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { homeDirectory } from '../base/environment.ts';
import { CollabError, errorKinds, toCollabError } from '../base/errors.ts';
import { exitCodes } from '../base/exit.ts';
import type { CommandContext, CommandResult, CommandRun } from './command-context.ts';
import { commandModules } from './command-modules.ts';
import type { CommandSpec } from './command-spec.ts';
import { type CommandName, commands } from './commands.ts';
import { DaemonLink } from './daemon-link.ts';
import { fastParse, type ParsedLine } from './fast-parse.ts';
import { Interruption } from './interruption.ts';
import { emitResult, printError, printResult } from './output.ts';
import { readArguments } from './read-arguments.ts';
import { openScreen } from './screen.ts';

/** Columns of the help at most: longer lines are hard to read. */
const widestHelp = 100;

/** What the scripts of `completion` run at each TAB: no command for people, and in no list. */
const completionWord = '__complete';

/** Runs one command line and returns the exit code (SPEC §12). Never throws. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  if (argv[0] === completionWord) return (await import('./completion/complete.ts')).complete(argv.slice(1));
  const line = fastParse(argv);
  if (line !== undefined) return runLine(line);
  // Only now it is known that --json cannot be read properly: where it stands on a faulty line does not matter.
  const json = argv.includes('--json');
  if (argv.every((word) => word === '--json')) return runBare(json);
  try {
    const { yargsParse } = await import('./yargs-parse.ts');
    const meaning = yargsParse(argv, Math.min(widestHelp, openScreen('stdout').width));
    switch (meaning.kind) {
      case 'command':
        return await runLine(meaning.line);
      case 'help':
        await printResult({ data: { help: meaning.text }, text: () => meaning.text }, json);
        return exitCodes.done;
      case 'version': {
        const { versionResult } = await import('./commands/version.ts');
        await printResult(versionResult(resolve(homeDirectory())), json);
        return exitCodes.done;
      }
      case 'bare':
        return await runBare(json);
    }
  } catch (error) {
    return fail(error, json);
  }
}

async function runBare(json: boolean): Promise<number> {
  return runWith({ json, mayStart: false }, async (context) => {
    const { bare } = await import('./commands/bare.ts');
    return bare(context);
  });
}

async function runLine({ name, json, raw }: ParsedLine): Promise<number> {
  const { startsDaemon }: CommandSpec = commands[name];
  return runWith({ json, mayStart: startsDaemon !== false }, async (context) => {
    const args = readArguments(name, raw);
    // The table pairs each name with an implementation for the arguments of that name, which the compiler cannot follow
    // through a name that is only known at run time.
    const run = (await commandModules[name]()) as CommandRun<CommandName>;
    return run(args, context);
  });
}

interface Circumstances {
  readonly json: boolean;
  readonly mayStart: boolean;
}

async function runWith(
  { json, mayStart }: Circumstances,
  run: (context: CommandContext) => Promise<CommandResult | undefined>,
): Promise<number> {
  const interruption = new Interruption();
  // A relative one is meant from here, and the daemon runs elsewhere.
  const home = resolve(homeDirectory());
  const stderr = openScreen('stderr');
  const daemon = new DaemonLink({
    home,
    stderr,
    mayStart,
    mayAsk: !json && mayStart && stderr.isTerminal && isatty(0),
  });
  try {
    const result = await run({
      cwd: currentDirectory(),
      home,
      json,
      stderr,
      daemon,
      interruption: () => interruption.listen(),
      emit: (data, text) => emitResult(data, text, json),
    });
    if (result !== undefined) await printResult(result, json);
    return interruption.happened ? exitCodes.interrupted : exitCodes.done;
  } catch (error) {
    const code = await fail(error, json, daemon.notices);
    return interruption.happened ? exitCodes.interrupted : code;
  } finally {
    daemon.close();
  }
}

async function fail(error: unknown, json: boolean, notices: DaemonLink['notices'] = []): Promise<number> {
  const known = toCollabError(error);
  await printError(known, json, notices);
  return errorKinds[known.code].exit;
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new CollabError('PROJECT_NOT_FOUND', 'the current directory does not exist any more', {
      next: 'Change into a directory that exists.',
      cause,
    });
  }
}
