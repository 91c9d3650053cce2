/**
 * Who may look at the dashboard. A link holds a ticket, good for one opening within minutes: links end up in histories and in what
 * others see of a process. Opening it gives the browser a session, a cookie that is signed and so survives the daemon.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { randomToken } from '../base/random.ts';

export const ticketMs = 10 * 60_000;
/** A working week. */
export const sessionMs = 7 * 24 * 3_600_000;
/** The oldest gives way: nobody opens so many links. */
const maxTickets = 32;

export interface Ticket {
  readonly ticket: string;
  /** Epoch ms. */
  readonly expiresAtMs: number;
}

export class DashboardSessions {
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  /** Ticket → when it is over, monotonic. The oldest first. */
  readonly #tickets = new Map<string, number>();

  constructor({ secret, clock }: { readonly secret: Uint8Array; readonly clock: Clock }) {
    this.#secret = secret;
    this.#clock = clock;
  }

  newTicket(): Ticket {
    const ticket = randomToken();
    this.#tickets.set(ticket, this.#clock.monotonicMs() + ticketMs);
    for (const oldest of this.#tickets.keys()) {
      if (this.#tickets.size <= maxTickets) break;
      this.#tickets.delete(oldest);
    }
    return { ticket, expiresAtMs: this.#clock.wallMs() + ticketMs };
  }

  /** Whether a ticket could be redeemed now. */
  knows(ticket: string): boolean {
    const dueMs = this.#tickets.get(ticket);
    return dueMs !== undefined && this.#clock.monotonicMs() < dueMs;
  }

  /** @returns a session for the ticket, which is used up; undefined when it is not, or no longer, good. */
  redeem(ticket: string): string | undefined {
    const isGood = this.knows(ticket);
    this.#tickets.delete(ticket);
    if (!isGood) return undefined;
    const until = Math.floor((this.#clock.wallMs() + sessionMs) / 1000).toString(36);
    return `${until}.${this.#sign(until)}`;
  }

  isGood(session: string): boolean {
    const [, until, signature] = /^([0-9a-z]{1,12})\.([\w-]{43})$/.exec(session) ?? [];
    if (until === undefined || signature === undefined) return false;
    const isOurs = timingSafeEqual(Buffer.from(this.#sign(until)), Buffer.from(signature));
    return isOurs && this.#clock.wallMs() < Number.parseInt(until, 36) * 1000;
  }

  #sign(until: string): string {
    return createHmac('sha256', this.#secret).update(until).digest('base64url');
  }
}
