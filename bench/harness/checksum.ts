/** FNV-1a, 32 bits: cheap enough to run beside what is measured, and the same on every machine. */
export class WorkChecksum {
  #state = 0x811c9dc5;

  number(value: number): void {
    this.#state = Math.imul(this.#state ^ (value | 0), 0x01000193) >>> 0;
  }

  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#state = Math.imul(this.#state ^ byte, 0x01000193) >>> 0;
  }

  get hex(): string {
    return this.#state.toString(16).padStart(8, '0');
  }
}
