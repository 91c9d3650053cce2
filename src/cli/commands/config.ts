/** The settings, read and written in config.json itself: they can be repaired when the daemon cannot start for them. */

import { describeSettings, sectionNames, settingKeys } from '../../home/config.ts';
import { loadConfig, readConfigDocument, updateConfig } from '../../home/config-file.ts';
import { homePaths } from '../../home/home-paths.ts';
import { prepareHome, processLives } from '../../home/prepare-home.ts';
import { getSetting, resetSetting, setSetting } from '../../home/settings.ts';
import type { CommandRun } from '../command-context.ts';
import { readDaemonAddress } from '../daemon-address.ts';
import { oneLine, type Screen } from '../screen.ts';
import { textTable } from '../text-table.ts';

export const show: CommandRun<'config show'> = async (_args, { home }) => {
  const paths = homePaths(home);
  const { raw, warnings } = await loadConfig(paths);
  const settings = describeSettings().map((setting) => ({ ...setting, ...getSetting(raw, setting.key) }));
  return {
    data: { file: paths.config, settings, warnings },
    text: async (screen) => {
      const table = await textTable<(typeof settings)[number]>(
        [
          { head: 'SETTING', cell: (it) => it.key },
          { head: 'VALUE', cell: (it) => valueText(it.value) },
          { head: 'FROM', cell: (it) => it.from },
          { head: 'TAKES', cell: (it) => it.type, wraps: true },
          { head: 'DECIDES', cell: (it) => it.summary, wraps: true },
        ],
        settings,
        screen,
      );
      return `${table}\n${paths.config}\n${warningText(warnings, screen)}`;
    },
  };
};

export const get: CommandRun<'config get'> = async (args, { home }) => {
  const raw = await readConfigDocument(homePaths(home));
  const { value, from } = getSetting(raw, args.key);
  return { data: { key: args.key, value, from }, text: () => `${valueText(value)}\n` };
};

export const set: CommandRun<'config set'> = async (args, { home }) => {
  await prepareHome(home);
  const paths = homePaths(home);
  const raw = await updateConfig(paths, (before) => setSetting(before, args.key, args.value));
  const { value } = getSetting(raw, args.key);
  const restart = restartNeeded(home);
  return {
    data: { key: args.key, value, restart },
    text: () => `${args.key} = ${valueText(value)}\n${restartText(restart)}`,
  };
};

export const reset: CommandRun<'config reset'> = async (args, { home }) => {
  await prepareHome(home);
  const keys = args.key === undefined ? [...settingKeys, ...sectionNames] : [args.key];
  await updateConfig(homePaths(home), (before) => keys.reduce(resetSetting, before));
  const restart = restartNeeded(home);
  return {
    data: { key: args.key ?? null, restart },
    text: () => `${args.key ?? 'every setting'} is back to the default\n${restartText(restart)}`,
  };
};

/** The daemon reads its settings when it starts. */
function restartNeeded(home: string): boolean {
  const address = readDaemonAddress(home);
  return address !== undefined && processLives(address.pid);
}

function restartText(restart: boolean): string {
  return restart ? 'The running daemon takes it over with: agent-collab daemon restart\n' : '';
}

function warningText(warnings: readonly string[], screen: Screen): string {
  return warnings.map((line) => `${screen.paint('yellow', 'warning:')} ${oneLine(line)}\n`).join('');
}

function valueText(value: unknown): string {
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value));
}
