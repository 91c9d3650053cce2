/**
 * The form in which commands are described. The table in commands.ts is data of this form; the parsers, the help, the
 * types of a command's arguments and README's command table follow from it.
 */

/**
 * What the text of an option means. `flag` takes no value; `texts` may be given several times; `duration` becomes
 * milliseconds; `time` becomes epoch milliseconds, and a duration there means that long ago.
 */
export type OptionKind = 'flag' | 'text' | 'texts' | 'integer' | 'count' | 'port' | 'duration' | 'time';

/**
 * What a shell can complete a word to, besides its choices: things that are there just now, settings and files. See
 * completion/live-words.ts.
 */
export type WordSource =
  | 'agent'
  | 'backup'
  | 'client'
  | 'context'
  | 'interest'
  | 'invite'
  | 'lock'
  | 'node'
  | 'path'
  | 'peer'
  | 'setting'
  | 'setting-value'
  | 'tag'
  | 'target';

export interface OptionSpec {
  readonly kind: OptionKind;
  /** One letter. */
  readonly alias?: string;
  readonly summary: string;
  /** The command cannot do without it. @default false */
  readonly required?: true;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly completes?: WordSource;
  /** Left out of the help: for our own child processes. @default false */
  readonly hidden?: true;
}

export interface PositionalSpec {
  /** `one` must be there, `optional` may be, `many` is one or more, `any` none or more. Only the last may be other than `one`. */
  readonly count: 'one' | 'optional' | 'many' | 'any';
  readonly summary: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly completes?: WordSource;
}

export interface CommandSpec {
  /** One line without a full stop, in the imperative. */
  readonly summary: string;
  readonly positionals: Readonly<Record<string, PositionalSpec>>;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** False: the command looks at a daemon that runs and never starts one. @default true */
  readonly startsDaemon?: false;
  /** A whole command line that shows the command at work. */
  readonly example: string;
}

/** What the command line gave, by name, before any value is looked at. A flag that is set has the value `'true'`. */
export type RawArguments = ReadonlyMap<string, readonly string[]>;

type OptionValue<Option extends OptionSpec> = Option['kind'] extends 'flag'
  ? boolean
  : Option['kind'] extends 'texts'
    ? readonly string[]
    :
        | (Option['kind'] extends 'text' ? string : number)
        | (Option extends { readonly required: true } ? never : undefined);

type PositionalValue<Positional extends PositionalSpec> = Positional['count'] extends 'one'
  ? string
  : Positional['count'] extends 'many' | 'any'
    ? readonly string[]
    : string | undefined;

/** The arguments that a command of this spec gets, converted and checked. */
export type ArgumentsOf<Spec extends CommandSpec> = {
  readonly [Name in keyof Spec['options']]: OptionValue<Spec['options'][Name]>;
} & {
  readonly [Name in keyof Spec['positionals']]: PositionalValue<Spec['positionals'][Name]>;
};
