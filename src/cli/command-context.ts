import type { Notice } from '../control/results.ts';
import type { CommandData, LineData } from './command-data.ts';
import type { CommandArguments, CommandName } from './commands.ts';
import type { DaemonLink } from './daemon-link.ts';
import type { Screen } from './screen.ts';

/** What a command may use of the world. */
export interface CommandContext {
  /** Where relative paths start; absolute. */
  readonly cwd: string;
  /** The data directory. */
  readonly home: string;
  readonly json: boolean;
  /** What standard error can show: progress and warnings. */
  readonly stderr: Screen;
  readonly daemon: DaemonLink;
  /**
   * From the first call on, Ctrl-C aborts the returned signal instead of ending the process at once: for commands that
   * have something to take back. A second Ctrl-C ends the process.
   */
  interruption(): AbortSignal;
  /** Prints one of several results: a line of JSON or `text`. Only commands that follow events or never end use it. */
  emit(data: CommandData[CommandName], text: (screen: Screen) => string | Promise<string>): Promise<void>;
}

/** What a command that ended well has to say. */
export interface CommandResult<Data = CommandData[CommandName] | LineData[keyof LineData]> {
  readonly data: Data;
  readonly notices?: readonly Notice[];
  /** The same for people. Asked for only without --json. */
  text(screen: Screen): string | Promise<string>;
}

/** Failures and denials are thrown as CollabError. Undefined: everything was said by `emit`. */
export type CommandRun<Name extends CommandName> = (
  args: CommandArguments<Name>,
  context: CommandContext,
) => Promise<CommandResult<CommandData[Name]> | undefined>;
