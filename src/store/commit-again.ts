/** MDB_BAD_TXN (lmdb.h). */
const badTransaction = -30782;
const attempts = 3;

/**
 * Runs a transaction, and once more when LMDB gave it up for no reason of ours. lmdb-js 3.5 reads memory that nobody has set when it looks
 * for a record of free pages that is not there (mdb_freelist_save), and now and then takes that for a record of no size; nothing of the
 * transaction is written then. Seen once in some hundred thousand transactions that wrote thousands of scattered pages.
 * @param run leaves no trace when it fails, and may be run again.
 */
export function commitAgain<T>(run: () => T): T {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return run();
    } catch (error) {
      if (attempt === attempts || !isBadTransaction(error)) throw error;
    }
  }
}

function isBadTransaction(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  return code === badTransaction || (cause !== undefined && isBadTransaction(cause));
}
