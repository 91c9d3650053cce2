import type { CollabError, ErrorDetails } from '../base/errors.ts';
import { labelled } from './labelled.ts';
import { oneLine, printable, type Screen } from './screen.ts';
import { showTime } from './show-time.ts';

/** At most so many entries of a list in the details: the rest is in the JSON form. */
const maxListed = 20;

/** An error as people read it: what happened, what they need to know of it, and the next step. */
export function errorText(error: CollabError, screen: Screen, nowMs: number): string {
  const parts = [`${screen.paint('red', 'error:')} ${printable(error.message)}\n`];
  parts.push(detailText(error, screen, nowMs));
  if (error.next !== undefined) parts.push(`${screen.paint('cyan', 'next:')} ${printable(error.next)}\n`);
  if (error.code === 'INTERNAL') parts.push(defectText(error));
  return parts.join('');
}

function detailText(error: CollabError, screen: Screen, nowMs: number): string {
  const details: ErrorDetails = error.details ?? {};
  switch (error.code) {
    case 'LOCK_DENIED':
      return labelled(
        [
          ['holder', shown(details.holder)],
          ['intention', shown(details.intention)],
          ['expires', typeof details.expiresAt === 'string' ? showTime(details.expiresAt, nowMs) : undefined],
          ['overlap', shown(details.overlap)],
          ['lock', shown(details.lockId)],
        ],
        screen,
      );
    case 'VERIFY_FAILED':
      return listed(details.problems, (problem) =>
        typeof problem === 'object' && problem !== null ? Object.values(problem).map(String).join(': ') : '',
      );
    case 'DAEMON_UNREACHABLE':
      return listed(details.log, String);
    default:
      return '';
  }
}

function listed(entries: unknown, line: (entry: unknown) => string): string {
  if (!Array.isArray(entries)) return '';
  const lines = entries.slice(0, maxListed).map((entry) => `  ${oneLine(line(entry))}\n`);
  const left = entries.length - maxListed;
  return lines.join('') + (left > 0 ? `  … and ${left} more\n` : '');
}

/** A defect is reported by people who cannot reproduce it later: the stack belongs to the message. */
function defectText(error: CollabError): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return `This is a defect of agent-collab. Please report it with the following lines.\n${printable(cause.stack ?? cause.message)}\n`;
}

function shown(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? oneLine(String(value)) : undefined;
}
