/** Agents of two nodes may have one id. */
export function agentKey({
  node,
  agent,
}: {
  readonly node?: string | undefined;
  readonly agent: string;
}): string {
  return `${node ?? ''}\0${agent}`;
}
