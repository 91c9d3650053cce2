import { agentKey } from './agent-key.ts';
import { ForeignText } from './foreign-text.tsx';
import { cutText } from './visible-text.ts';

/** Three lines of a narrow column. */
const maxNameChars = 60;

export interface AgentNameProps {
  readonly agent: string;
  readonly name?: string | undefined;
  readonly node?: string | undefined;
  readonly nodeName?: string | undefined;
}

/** The same agent has the same dot in all panels. */
export function AgentName({ agent, name, node, nodeName }: AgentNameProps) {
  return (
    <span class="agent">
      <span class="agent-dot" style={{ '--hue': hueOf(agentKey({ node, agent })) }} aria-hidden="true" />
      <ForeignText class="agent-name" text={cutText(name ?? agent, maxNameChars)} />
      {node === undefined ? null : (
        <span class="agent-node">
          {' on '}
          <ForeignText text={cutText(nodeName ?? shortNode(node), maxNameChars)} />
        </span>
      )}
    </span>
  );
}

/** The end of a node's id tells nodes apart; all begin alike. */
export function shortNode(node: string): string {
  return node.slice(-8);
}

/** Degrees on the wheel of colours (FNV-1a). Two agents may get nearly the same: the name is beside it. */
function hueOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % 360;
}
