import { readFile } from 'node:fs/promises';
import { type ModelPrice, modelPrices } from './model-prices.ts';

const million = 1_000_000;
/** A price list of a few hundred models. */
const maxFileBytes = 1024 * 1024;
const mostDollars = 100_000;

/** Prices of models: those that come with the program, and before them those of a file of the user's own. */
export class PriceList {
  readonly #own: Readonly<Record<string, ModelPrice>>;
  readonly #found = new Map<string, ModelPrice | undefined>();

  constructor(own: Readonly<Record<string, ModelPrice>> = {}) {
    this.#own = own;
  }

  /** US dollars; undefined for a model that no price is known of. */
  costOf(model: string, tokens: number, direction: 'input' | 'output'): number | undefined {
    const price = this.#priceOf(model);
    if (price === undefined) return undefined;
    const each = direction === 'output' ? (price.output ?? price.input) : price.input;
    return (each * tokens) / million;
  }

  #priceOf(model: string): ModelPrice | undefined {
    if (this.#found.has(model)) return this.#found.get(model);
    const price = longestFit(this.#own, model) ?? longestFit(modelPrices, model);
    // Names come from agents: a map of them must not grow with what they make up.
    if (this.#found.size >= 1000) this.#found.clear();
    this.#found.set(model, price);
    return price;
  }
}

function longestFit(prices: Readonly<Record<string, ModelPrice>>, model: string): ModelPrice | undefined {
  // Makers' names before the model's own, as routers write them: anthropic/claude-sonnet-4.
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase();
  let best = '';
  for (const known of Object.keys(prices))
    if (
      known.length > best.length &&
      (name === known || name.startsWith(`${known}-`) || name.startsWith(`${known}@`))
    )
      best = known;
  return best === '' ? undefined : prices[best];
}

/**
 * `{ "models": { "<name>": { "input": 3, "output": 15 } } }`, dollars for a million tokens.
 * @throws Error with a sentence about what is wrong.
 */
export async function readPrices(path: string): Promise<Readonly<Record<string, ModelPrice>>> {
  const text = await readFile(path, 'utf8');
  if (text.length > maxFileBytes) throw new Error('it is longer than a price list may be');
  const { models } = (JSON.parse(text) ?? {}) as { readonly models?: unknown };
  if (typeof models !== 'object' || models === null || Array.isArray(models))
    throw new Error('it has no "models"');
  return Object.fromEntries(
    Object.entries(models).map(([name, price]) => [name.toLowerCase(), checkedPrice(name, price)]),
  );
}

function checkedPrice(name: string, price: unknown): ModelPrice {
  const { input, output } = (price ?? {}) as { readonly input?: unknown; readonly output?: unknown };
  if (!isDollars(input) || (output !== undefined && !isDollars(output)))
    throw new Error(`the price of ${name} is not { "input": dollars, "output": dollars }`);
  return { input, ...(output === undefined ? {} : { output }) };
}

function isDollars(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= mostDollars;
}
