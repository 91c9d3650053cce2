/** Makes docs/schemas/: of each command the JSON Schema of what it prints with --json, out of the types in src/cli/command-data.ts. */
import { fileURLToPath } from 'node:url';
import { createGenerator } from 'ts-json-schema-generator';
import { commands } from '../../src/cli/commands.ts';
import { projectRoot } from './project-files.ts';

export const schemasFolder = 'docs/schemas/';

type Schema = Readonly<Record<string, unknown>>;
type Definitions = Readonly<Record<string, Schema>>;

const draft = 'http://json-schema.org/draft-07/schema#';

/** The text of each file by its name in the folder. */
export function commandSchemas(): ReadonlyMap<string, string> {
  const generator = createGenerator({
    path: fileURLToPath(new URL('src/cli/command-data.ts', projectRoot)),
    tsconfig: fileURLToPath(new URL('tsconfig.json', projectRoot)),
    // `npm run check` has checked them already.
    skipTypeCheck: true,
    expose: 'export',
    topRef: false,
    encodeRefs: false,
    // What a type does not name is not printed: that is the promise.
    additionalProperties: false,
  });
  const [data, line, failure] = ['CommandData', 'LineData', 'Failure'].map((type) => {
    const { definitions = {}, ...schema } = generator.createSchema(type);
    return { schema: schema as Schema, definitions: definitions as Definitions };
  });
  if (data === undefined || line === undefined || failure === undefined) throw new Error('a type is missing');
  const definitions = { ...data.definitions, ...line.definitions, ...failure.definitions };
  const lines = propertiesOf(line.schema);
  // The generator leaves out what can be nothing, as the data of a command that prints no envelope of its own.
  const properties = Object.keys(commands).map((name) => [name, propertiesOf(data.schema)[name]] as const);
  const notices = propertiesOf(failure.schema).notices ?? {};
  const files = new Map([
    [
      'failure.json',
      fileText('failure.json', 'what a command prints when it fails', failure.schema, definitions),
    ],
  ]);
  for (const [name, schema] of properties) {
    const title = `agent-collab ${name} --json`;
    files.set(schemaFile(name), fileText(schemaFile(name), title, envelopeOf(schema, notices), definitions));
  }
  for (const [name, schema] of Object.entries(lines)) {
    const title = titles[name] ?? name;
    files.set(schemaFile(name), fileText(schemaFile(name), title, envelopeOf(schema, notices), definitions));
  }
  return files;
}

const titles: Readonly<Record<string, string>> = {
  bare: 'agent-collab --json',
  help: 'agent-collab <command> --help --json',
};

function schemaFile(name: string): string {
  return `${name.replaceAll(' ', '-')}.json`;
}

function propertiesOf(schema: Schema): Readonly<Record<string, Schema>> {
  return (schema.properties ?? {}) as Readonly<Record<string, Schema>>;
}

/** Without data a command prints no envelope unless it fails. */
function envelopeOf(data: Schema | undefined, notices: Schema): Schema {
  const failure = { $ref: 'failure.json' };
  if (data === undefined) return failure;
  const success = {
    type: 'object',
    properties: { ok: { const: true }, data, notices },
    required: ['ok', 'data'],
    additionalProperties: false,
  };
  return { oneOf: [success, failure] };
}

function fileText(id: string, title: string, schema: Schema, definitions: Definitions): string {
  const used: Record<string, Schema> = {};
  const body = resolved(schema, definitions, used);
  const { $schema: _, ...rest } = body as Schema;
  const sorted = Object.fromEntries(Object.entries(used).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const own = Object.keys(sorted).length === 0 ? {} : { definitions: sorted };
  return `${JSON.stringify({ $schema: draft, $id: id, title, ...rest, ...own }, null, 2)}\n`;
}

/**
 * A copy in which each reference is to one of `used`, which grows as it goes. The name that the generator gives to a part
 * without a name of its own is no name for readers, and may be made of places in the sources: such a part is written out.
 */
function resolved(value: unknown, definitions: Definitions, used: Record<string, Schema>): unknown {
  if (Array.isArray(value)) return value.map((one) => resolved(one, definitions, used));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as { $ref?: unknown };
  const name = typeof $ref === 'string' ? /^#\/definitions\/(.*)$/.exec($ref)?.[1] : undefined;
  if (name === undefined) {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, resolved(one, definitions, used)]),
    );
  }
  const target = definitions[name];
  if (target === undefined) throw new Error(`no definition ${name}`);
  const besides = Object.fromEntries(Object.entries(value).filter(([key]) => key !== '$ref'));
  if (!/^[A-Za-z]+$/.test(name)) return { ...(resolved(target, definitions, used) as Schema), ...besides };
  if (used[name] === undefined) {
    // Before it is filled, for a type that names itself.
    used[name] = {};
    used[name] = resolved(target, definitions, used) as Schema;
  }
  return { $ref, ...besides };
}
