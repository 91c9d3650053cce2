import type { LockId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import { type LineEdit, movedTargets } from '../lock/line-edit.ts';
import type { Lock } from '../lock/lock.ts';
import { type CompiledTarget, compileTarget } from '../lock/target.ts';
import type { AgreedLock, Assurance } from './outcome.ts';

/** A lease of this node with what the protocol does not need of it. */
export class HeldLock {
  readonly id: LockId;
  readonly fence: number;
  readonly assurance: Assurance;
  /** Epoch ms, for display. */
  readonly acquiredAtMs: number;
  /** The newest claim for these targets; its lines follow the text, which the other members do not see. */
  claim: Claim;
  #compiled: readonly CompiledTarget[];

  constructor({ id, fence, assurance }: AgreedLock, claim: Claim, wallMs: number) {
    this.id = id;
    this.fence = fence;
    this.assurance = assurance;
    this.acquiredAtMs = wallMs;
    this.claim = claim;
    this.#compiled = claim.targets.map(compileTarget);
  }

  get compiled(): readonly CompiledTarget[] {
    return this.#compiled;
  }

  /** @returns `gone` when nothing is left of its lines. */
  move(edit: LineEdit): 'moved' | 'same' | 'gone' {
    const before = this.#compiled;
    const after = movedTargets(before, edit, this.claim.agent, undefined);
    if (after.length === 0) return 'gone';
    if (after.length === before.length && after.every((target, at) => target === before[at])) return 'same';
    this.#compiled = after;
    this.claim = { ...this.claim, targets: after.map(({ target }) => target) };
    return 'moved';
  }

  view({ remainingMs, ttlMs }: Pick<AgreedLock, 'remainingMs' | 'ttlMs'>, wallMs: number): Lock {
    const { targets, mode, agent, agentName, intention, priority, contentHash } = this.claim;
    return {
      id: this.id,
      fence: this.fence,
      targets,
      mode,
      holder: agent,
      ...(agentName === undefined ? {} : { holderName: agentName }),
      intention,
      acquiredAtMs: this.acquiredAtMs,
      expiresAtMs: wallMs + remainingMs,
      assurance: this.assurance,
      ...(contentHash === undefined ? {} : { contentHash }),
      priority,
      ttlMs,
    };
  }
}
