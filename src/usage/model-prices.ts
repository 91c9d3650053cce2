/** What models cost: the one place to bring up to date. List prices of their makers, in US dollars for a million tokens. */
export interface ModelPrice {
  readonly input: number;
  /** Absent: the same; embeddings have none. */
  readonly output?: number;
}

/** When these were looked up. */
export const pricesDate = '2025-09-30';

/** By the beginning of the model's name: the longest that fits counts, so that a date or a size behind it does not matter. */
export const modelPrices: Readonly<Record<string, ModelPrice>> = {
  'claude-opus-4': { input: 15, output: 75 },
  'claude-sonnet-4': { input: 3, output: 15 },
  'claude-3-7-sonnet': { input: 3, output: 15 },
  'claude-3-5-sonnet': { input: 3, output: 15 },
  'claude-3-5-haiku': { input: 0.8, output: 4 },
  'claude-3-opus': { input: 15, output: 75 },
  'claude-3-haiku': { input: 0.25, output: 1.25 },
  'gpt-5': { input: 1.25, output: 10 },
  'gpt-5-mini': { input: 0.25, output: 2 },
  'gpt-5-nano': { input: 0.05, output: 0.4 },
  'gpt-4.1': { input: 2, output: 8 },
  'gpt-4.1-mini': { input: 0.4, output: 1.6 },
  'gpt-4.1-nano': { input: 0.1, output: 0.4 },
  'gpt-4o': { input: 2.5, output: 10 },
  'gpt-4o-mini': { input: 0.15, output: 0.6 },
  o3: { input: 2, output: 8 },
  'o4-mini': { input: 1.1, output: 4.4 },
  'gemini-2.5-pro': { input: 1.25, output: 10 },
  'gemini-2.5-flash': { input: 0.3, output: 2.5 },
  'gemini-2.5-flash-lite': { input: 0.1, output: 0.4 },
  'text-embedding-3-small': { input: 0.02 },
  'text-embedding-3-large': { input: 0.13 },
  'text-embedding-ada-002': { input: 0.1 },
  'voyage-3': { input: 0.06 },
  'voyage-3-large': { input: 0.18 },
  'voyage-3.5': { input: 0.06 },
  'voyage-3.5-lite': { input: 0.02 },
  'voyage-code-3': { input: 0.18 },
};
