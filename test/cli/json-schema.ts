/** What the program prints with --json, held against docs/schemas/. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { type CommandName, isCommandName } from '../../src/cli/commands.ts';

const folder = new URL('../../docs/schemas/', import.meta.url);

// `type: ["string", "null"]` is how the schemas write a field that may be null.
const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
let isLoaded = false;

export function schemaNames(): readonly string[] {
  return readdirSync(folder).map((file) => file.replace(/\.json$/, ''));
}

/** @throws AssertionError saying where `envelope` is not what the schema says. */
export function assertFits(name: string, envelope: unknown): void {
  const fits = validator(name);
  const isFit = fits(envelope);
  assert.ok(isFit, `docs/schemas/${name}.json: ${ajv.errorsText(fits.errors)}\n${JSON.stringify(envelope)}`);
}

function validator(name: string): ValidateFunction {
  if (!isLoaded) {
    isLoaded = true;
    for (const one of schemaNames())
      ajv.addSchema(JSON.parse(readFileSync(new URL(`${one}.json`, folder), 'utf8')));
  }
  const found = ajv.getSchema(`${name}.json`);
  assert.ok(found !== undefined, `docs/schemas/${name}.json is missing: npm run docs:schemas`);
  return found;
}

/** Which schema speaks of what this line prints. */
export function schemaOf(args: readonly string[]): string {
  const flags = args.filter((word) => word !== '--json');
  if (flags.includes('--help') || flags[0] === 'help') return 'help';
  if (flags.length === 0) return 'bare';
  if (flags.includes('--version')) return 'version';
  const [first = '', second = ''] = flags;
  const name: CommandName | undefined = [`${first} ${second}`, first].find(isCommandName);
  return name === undefined ? 'failure' : name.replaceAll(' ', '-');
}
