import { createInterface } from 'node:readline/promises';

/** Asks on the terminal, question and answer on standard error and input: standard output belongs to the result. */
export async function askYesNo(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
