import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import type { CommandSpec, OptionSpec } from '../../src/cli/command-spec.ts';
import { type CommandName, commandGroups, commands } from '../../src/cli/commands.ts';
import { fastParse } from '../../src/cli/fast-parse.ts';
import { readArguments } from '../../src/cli/read-arguments.ts';
import { type LineMeaning, yargsParse } from '../../src/cli/yargs-parse.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';

const names = Object.keys(commands) as CommandName[];

function parse(line: string): LineMeaning {
  return yargsParse(line.split(' ').filter(Boolean), 100);
}

function refusal(line: string): CollabError {
  try {
    parse(line);
  } catch (error) {
    assert.ok(error instanceof CollabError, String(error));
    assert.equal(error.code, 'USAGE');
    return error;
  }
  assert.fail(`"${line}" was accepted`);
}

/** Two letters within the word in each other's place, as hands do: `relaese`. */
function swapped(word: string): string {
  const inner = [...word.slice(1, -1)].findIndex((letter, place) => letter !== word[place + 2]);
  const at = inner + 1;
  return word.slice(0, at) + (word[at + 1] ?? '') + (word[at] ?? '') + word.slice(at + 2);
}

function refusedValue(name: CommandName, argument: string, value: string): string {
  try {
    readArguments(name, new Map([[argument, [value]]]));
  } catch (error) {
    assert.ok(error instanceof CollabError, String(error));
    return error.next ?? '';
  }
  assert.fail(`${name}: ${argument} took ${value}`);
}

function meant(word: string): RegExp {
  return new RegExp(`^Did you mean ${word}\\? `);
}

function rawOf(line: string) {
  const meaning = parse(line);
  assert.equal(meaning.kind, 'command');
  return meaning.kind === 'command' ? Object.fromEntries(meaning.line.raw) : {};
}

describe('the command line', () => {
  it('is read alike by the fast parser and by yargs', () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    let read = 0;
    for (let run = 0; run < 400; run++) {
      const argv = randomLine(random);
      const fast = fastParse(argv);
      if (fast === undefined) continue;
      read++;
      const meaning = yargsParse(argv, 100);
      assert.deepEqual(meaning, { kind: 'command', line: fast }, `TEST_SEED=${seed} ${JSON.stringify(argv)}`);
    }
    assert.ok(read > 100, `TEST_SEED=${seed}: only ${read} lines were plain enough to compare`);
  });

  it('takes a value in every usual spelling', () => {
    for (const spelling of ['-m why', '-m=why', '-mwhy', '--message why', '--message=why']) {
      assert.deepEqual(rawOf(`lock acquire a.ts ${spelling}`), { targets: ['a.ts'], message: ['why'] });
    }
  });

  it('takes a value that begins with a dash after an equals sign', () => {
    assert.deepEqual(rawOf('lock acquire a -m=-x --priority=-5').priority, ['-5']);
    assert.match(refusal('lock acquire a -m -x').message, /-m needs a value/);
  });

  it('takes everything after -- as it is, and a lone - as standard input', () => {
    assert.deepEqual(rawOf('lock acquire -m x -- -a --json').targets, ['-a', '--json']);
    assert.deepEqual(rawOf('context share a -').source, ['-']);
  });

  it('names an unknown flag and the one that was meant', () => {
    const error = refusal('why a --agnt x');
    assert.equal(error.message, 'unknown flag --agnt');
    assert.equal(error.next, 'Did you mean --agent?');
  });

  it('names an unknown command and the one that was meant', () => {
    assert.equal(refusal('lok').next, 'Did you mean "agent-collab lock"?');
    assert.equal(refusal('acquire a').next, 'Did you mean "agent-collab lock acquire"?');
    assert.equal(refusal('lock aquire a').next, 'Did you mean "agent-collab lock acquire"?');
    assert.equal(refusal('lock aquire a -m x').next, 'Did you mean "agent-collab lock acquire"?');
    assert.equal(refusal('statsu --all').next, 'Did you mean "agent-collab status"?');
    assert.equal(refusal('lok lst').next, 'Did you mean "agent-collab lock list"?');
    assert.equal(refusal('statsu').next, 'Did you mean "agent-collab status"?');
    assert.equal(refusal('invite lst').next, 'Did you mean "agent-collab invite list"?');
    assert.match(refusal('zzzzzz').next ?? '', /--help/);
    assert.match(refusal('lock zzzzzz').next ?? '', /^lock knows: acquire, release/);
  });

  it('suggests for every command, flag and choice the right one when two letters changed places', () => {
    for (const name of names) {
      const [first = '', second] = name.split(' ');
      const wrong = second === undefined ? [swapped(first)] : [first, swapped(second)];
      assert.match(
        refusal(wrong.join(' ')).next ?? '',
        new RegExp(`^Did you mean "agent-collab ${name}"`),
        name,
      );
      const { options, positionals }: CommandSpec = commands[name];
      for (const [option, { hidden, choices = [] }] of Object.entries(options)) {
        if (hidden !== true && option.length > 3) {
          assert.equal(refusal(`${name} --${swapped(option)} x`).next, `Did you mean --${option}?`, name);
        }
        for (const choice of choices)
          assert.match(refusedValue(name, option, swapped(choice)), meant(choice));
      }
      for (const [positional, { choices = [] }] of Object.entries(positionals)) {
        for (const choice of choices)
          assert.match(refusedValue(name, positional, swapped(choice)), meant(choice));
      }
    }
  });

  it('gives no help on a command that is not there', () => {
    assert.equal(refusal('lok --help').next, 'Did you mean "agent-collab lock"?');
    assert.equal(refusal('help lock relase').next, 'Did you mean "agent-collab lock release"?');
    assert.equal(parse('help lock').kind, 'help');
    assert.equal(parse('why lok --help').kind, 'help');
  });

  it('refuses missing and surplus arguments with the usage line', () => {
    assert.match(refusal('lock acquire').next ?? '', /agent-collab lock acquire <targets>\.\.\.$/);
    assert.match(refusal('why a b').message, /"b" is one argument too many/);
    assert.match(refusal('lock').next ?? '', /lock acquire/);
  });

  it('refuses a flag with a value', () => {
    assert.equal(refusal('lock acquire a -m x --shared=maybe').message, '--shared takes no value');
    assert.equal(refusal('status --json=yes').message, '--json takes no value');
  });

  it('is bare with nothing on it but --json', () => {
    assert.deepEqual(parse(''), { kind: 'bare' });
    assert.deepEqual(parse('--json'), { kind: 'bare' });
    assert.deepEqual(parse('--json --version'), { kind: 'version' });
  });
});

describe('the help', () => {
  for (const name of names) {
    it(`shows the arguments and an example of ${name}`, () => {
      const spec: CommandSpec = commands[name];
      const meaning = parse(`${name} --help`);
      assert.ok(meaning.kind === 'help');
      assert.ok(meaning.text.includes(spec.example), meaning.text);
      for (const positional of Object.keys(spec.positionals)) assert.ok(meaning.text.includes(positional));
      for (const [option, { hidden }] of Object.entries(spec.options)) {
        assert.equal(meaning.text.includes(`--${option}`), hidden !== true, option);
      }
    });

    it(`gives an example of ${name} that can be read`, () => {
      const { example }: CommandSpec = commands[name];
      const words = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
      assert.equal(words.shift(), 'agent-collab');
      assert.equal(fastParse(words)?.name, name);
    });
  }

  for (const group of Object.keys(commandGroups)) {
    it(`shows what ${group} can do, each with its summary and example`, () => {
      const meaning = parse(`${group} --help`);
      assert.ok(meaning.kind === 'help');
      const plain = meaning.text.replace(/\s+/g, ' ');
      for (const name of names.filter((one) => one.startsWith(`${group} `))) {
        const { summary, example }: CommandSpec = commands[name];
        assert.ok(plain.includes(`agent-collab ${name} ${summary}`), name);
        assert.ok(plain.includes(example), name);
      }
    });
  }

  it('lists every command or its group', () => {
    const meaning = parse('help');
    assert.ok(meaning.kind === 'help');
    for (const name of names) assert.ok(meaning.text.includes(`agent-collab ${name.split(' ')[0]}`), name);
  });
});

const words = ['a.ts', 'src/b.ts:1-2', '-', '12', 'x=y', 'two words', 'ümlaut', '--json', '', '-x', '007'];

function randomLine(random: SeededRandom): string[] {
  const name = random.pick(names);
  const spec: CommandSpec = commands[name];
  const argv: string[] = [];
  for (const { count } of Object.values(spec.positionals)) {
    const times = count === 'one' ? 1 : random.int(0, 2);
    for (let n = 0; n < times; n++) argv.push(randomWord(random));
  }
  for (const [option, { kind, alias, required }] of Object.entries<OptionSpec>(spec.options)) {
    if (!required && random.chance(0.6)) continue;
    const flag = alias !== undefined && random.chance(0.5) ? `-${alias}` : `--${option}`;
    const at = random.int(0, argv.length);
    argv.splice(at, 0, flag, ...(kind === 'flag' ? [] : [randomWord(random)]));
  }
  if (random.chance(0.3)) argv.push('--json');
  return [...name.split(' '), ...argv];
}

/** Mostly plain: a line with anything else is left to yargs and compares nothing. */
function randomWord(random: SeededRandom): string {
  return random.chance(0.9) ? random.pick(words.slice(0, 7)) : random.pick(words);
}
