import { createHmac } from 'node:crypto';
import type { NodeKey } from './node-key.ts';

/**
 * The token of hooks over HTTP. It stands in the settings of agent clients and so must outlive the daemon, whose own token is new at
 * each start; it follows from the node's key, and so is kept nowhere.
 */
export function hookToken(key: NodeKey): string {
  return createHmac('sha256', key.toPkcs8()).update('agent-collab hook token v1').digest('base64url');
}
