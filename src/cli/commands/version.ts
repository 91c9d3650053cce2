import { version as programVersion } from '../../base/version.ts';
import type { CommandResult, CommandRun } from '../command-context.ts';
import type { CommandData } from '../command-data.ts';
import { readDaemonAddress } from '../daemon-address.ts';

export const version: CommandRun<'version'> = async (_args, { home }) => versionResult(home);

/** Also what `--version` prints. The daemon's is what daemon.json says: asking it would cost a connection. */
export function versionResult(home: string): CommandResult<CommandData['version']> {
  const address = readDaemonAddress(home);
  const daemon = address === undefined ? null : { version: address.version, pid: address.pid };
  return {
    data: { version: programVersion, node: process.version, daemon },
    text: () =>
      `${programVersion}\n${daemon === null ? '' : `daemon ${daemon.version} (pid ${daemon.pid})\n`}`,
  };
}
