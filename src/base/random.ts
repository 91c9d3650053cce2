/** The only source of randomness. Tests pass their own seeded sources; nothing here is seeded. */
import { randomBytes, randomInt } from 'node:crypto';

/** `bytes` random bytes as lower-case hexadecimal. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

/** An unguessable bearer token of 256 bits. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** `baseMs` ± 20 %, so that retries of several processes do not march in step. */
export function jitterMs(baseMs: number): number {
  return Math.round((baseMs * randomInt(800, 1201)) / 1000);
}
