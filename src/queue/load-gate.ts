/**
 * Lets nobody terminate a thread while it loads a native addon: Node-API cannot tell an addon that its thread is being terminated, and
 * what the addon takes for a defect of its own ends the whole process.
 */
const closed = 0;
const loading = 1;

/** A thread that died while it loaded never says that it is done. */
const longestLoadMs = 10_000;

/** Shared by the threads of a pool and the one that will end them. */
export function createLoadGate(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
}

/** In the thread that loads. Undefined, and nothing loaded, once the gate is closed. */
export async function loadThrough<T>(
  gate: SharedArrayBuffer,
  load: () => Promise<T>,
): Promise<T | undefined> {
  const words = new Int32Array(gate);
  // In this order, as `closeLoadGate` looks in the other: one of the two sees what the other did.
  Atomics.add(words, loading, 1);
  try {
    return Atomics.load(words, closed) === 1 ? undefined : await load();
  } finally {
    Atomics.sub(words, loading, 1);
    Atomics.notify(words, loading);
  }
}

/** Resolves when no thread is loading, nor ever will: they may be terminated. */
export async function closeLoadGate(gate: SharedArrayBuffer): Promise<void> {
  const words = new Int32Array(gate);
  Atomics.store(words, closed, 1);
  for (let count = Atomics.load(words, loading); count > 0; count = Atomics.load(words, loading)) {
    const wait = Atomics.waitAsync(words, loading, count, longestLoadMs);
    if (wait.async && (await wait.value) === 'timed-out') return;
  }
}
