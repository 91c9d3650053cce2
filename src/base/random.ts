/** The only source of randomness. Tests pass their own seeded sources; nothing here is seeded. */
import { randomBytes } from 'node:crypto';

/** `bytes` random bytes as lower-case hexadecimal. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

/** An unguessable bearer token of 256 bits. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Uniform in [0, 1), in steps of 2^-32. */
export function randomFraction(): number {
  return randomBytes(4).readUInt32LE() / 2 ** 32;
}
