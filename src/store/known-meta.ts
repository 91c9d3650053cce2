/** What can still be known of the meta values of a damaged log. */
import type { NodeId } from '../base/ids.ts';
import { fenceBlock } from '../lock/fence.ts';
import { isSourceHead, isText, metaGuard, type SourceHead, sourcePrefix } from './log-view.ts';
import { isCount, tryDecodeMeta } from './meta-table.ts';
import type { KnownHead } from './repair-chains.ts';
import { type Salvage, salvageMetaValues } from './salvage.ts';
import { metaValue } from './store-facts.ts';

export class KnownMeta {
  readonly #sure: ReadonlyMap<string, Buffer>;
  readonly #guessed: ReadonlyMap<string, Buffer>;

  constructor(salvage: Salvage | undefined) {
    const values = salvage === undefined ? undefined : salvageMetaValues(salvage, isRight);
    this.#sure = values?.sure ?? new Map();
    this.#guessed = values?.guessed ?? new Map();
  }

  /** The value, or the newest one that lies about. */
  count(name: string): number | undefined {
    return this.sureCount(name) ?? metaValue(this.#guessed, name, isCount);
  }

  sureCount(name: string): number | undefined {
    return metaValue(this.#sure, name, isCount);
  }

  /** @param told who says that the log is its own. */
  node(told: NodeId | undefined): NodeId | undefined {
    const node = metaValue(this.#sure, 'node', isText) ?? told ?? metaValue(this.#guessed, 'node', isText);
    return node as NodeId | undefined;
  }

  /** A lost value may have been a reservation ahead of whatever else is known. @param seen the highest that others know of. */
  fence(seen: number): number {
    const sure = this.sureCount('fence');
    return sure === undefined ? Math.max(this.count('fence') ?? 0, seen) + fenceBlock : Math.max(sure, seen);
  }

  heads(): ReadonlyMap<NodeId, KnownHead> {
    const heads = new Map<NodeId, KnownHead>();
    const add = (values: ReadonlyMap<string, Buffer>, isSure: boolean) => {
      for (const name of values.keys()) {
        const head = name.startsWith(sourcePrefix) ? metaValue(values, name, isSourceHead) : undefined;
        if (head !== undefined) heads.set(sourceOf(name), { head, isSure });
      }
    };
    add(this.#guessed, false);
    add(this.#sure, true);
    return heads;
  }

  /** True when the delta is one that retention had dropped. */
  isDropped({ source, seq }: { readonly source: NodeId; readonly seq: number }): boolean {
    const head: SourceHead | undefined = metaValue(this.#sure, sourcePrefix + source, isSourceHead);
    return head !== undefined && seq <= head.floorSeq;
  }
}

function sourceOf(name: string): NodeId {
  return name.slice(sourcePrefix.length) as NodeId;
}

function isRight(name: string, stored: Buffer): boolean {
  return tryDecodeMeta(name, stored, metaGuard(name) as (value: unknown) => value is unknown) !== undefined;
}
