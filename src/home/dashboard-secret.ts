import { createHmac } from 'node:crypto';
import type { NodeKey } from './node-key.ts';

/** What sessions of the dashboard are signed with: a page that is open stays so when the daemon is started anew. Kept nowhere. */
export function dashboardSecret(key: NodeKey): Buffer {
  return createHmac('sha256', key.toPkcs8()).update('agent-collab dashboard session v1').digest();
}
