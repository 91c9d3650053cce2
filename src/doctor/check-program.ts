/** The program itself, and the clients that are to start it. */
import { realpathSync } from 'node:fs';
import { findOnPath } from '../base/environment.ts';
import { version } from '../base/version.ts';
import type { ClientReport } from '../setup/set-up.ts';
import { type Finding, ok, warn } from './finding.ts';

/** @param script the file that runs, as it was called. */
export function checkProgram(script: string): Finding {
  const own = real(script);
  const says = `version ${version} at ${own}, on Node ${process.versions.node}`;
  const found = findOnPath('agent-collab');
  if (found === undefined || real(found) === own) return ok('program', says);
  return warn(
    'program',
    `${says}; the agent-collab on the PATH is another one, ${real(found)}`,
    'Agents and hooks may run either: install one of them, or put it first on the PATH.',
  );
}

/** @param reports of the clients that are installed; undefined: no daemon tells where hooks are to be sent. */
export function checkClients(reports: readonly ClientReport[] | undefined): Finding {
  if (reports === undefined)
    return ok('clients', 'not compared: no daemon runs that their hooks could be sent to');
  if (reports.length === 0) return ok('clients', 'no agent client was found on this machine');
  const says = reports.map(
    ({ title, state, error }) => `${title} ${error === undefined ? words[state] : error.message}`,
  );
  const wrong = reports.filter(({ state }) => state !== 'connected').map(({ client }) => client);
  if (wrong.length === 0) return ok('clients', says.join(', '));
  const names = wrong.join(',');
  return warn(
    'clients',
    says.join(', '),
    `Run: agent-collab setup ${names}. It can be taken back with agent-collab setup ${names} --remove.`,
  );
}

const words: Readonly<Record<ClientReport['state'], string>> = {
  connected: 'is connected',
  drifted: 'has entries of ours that are not as they should be',
  absent: 'is not connected',
  failed: 'could not be looked at',
};

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
