import { useState } from 'preact/hooks';

/** A choice of whoever looks at the page, kept in this browser. Where nothing can be kept it holds until the page is closed. */
export function useStoredChoice<T extends string>(
  name: string,
  choices: readonly [T, ...T[]],
): readonly [T, (choice: T) => void] {
  const key = `agent-collab.${name}`;
  const [choice, setChoice] = useState(() => choices.find((one) => one === read(key)) ?? choices[0]);
  const choose = (next: T) => {
    setChoice(next);
    write(key, next);
  };
  return [choice, choose];
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // Storage is switched off in this browser.
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Full, or switched off: the choice lasts as long as the page.
  }
}
