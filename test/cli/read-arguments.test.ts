import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import type { CommandName } from '../../src/cli/commands.ts';
import { fastParse } from '../../src/cli/fast-parse.ts';
import { readArguments } from '../../src/cli/read-arguments.ts';

function read<Name extends CommandName>(name: Name, line: string) {
  const parsed = fastParse([...name.split(' '), ...line.split(' ').filter(Boolean)]);
  assert.ok(parsed !== undefined, line);
  return readArguments(name, parsed.raw);
}

function refused(name: CommandName, line: string, message: RegExp): void {
  assert.throws(
    () => read(name, line),
    (error) => error instanceof CollabError && error.code === 'USAGE' && message.test(error.message),
  );
}

describe('arguments', () => {
  it('become durations, numbers, flags and lists', () => {
    assert.deepEqual(read('lock acquire', 'a b -m x --ttl 2m --wait 500ms --shared --priority 3'), {
      targets: ['a', 'b'],
      message: 'x',
      agent: undefined,
      ttl: 120_000,
      wait: 500,
      shared: true,
      priority: 3,
    });
    assert.deepEqual(read('context share', 'a - --tag x --tag y').tag, ['x', 'y']);
    assert.equal(read('lock check', 'id --fence 9007199254').fence, 9_007_199_254);
    assert.equal(read('run', '--port 0').port, 0);
  });

  it('take a time as a date or as how long ago', () => {
    assert.equal(read('audit', '--from 2026-01-31T12:00:00Z').from, Date.UTC(2026, 0, 31, 12));
    const ago = read('log', '--since 1h').since ?? 0;
    assert.ok(Math.abs(Date.now() - 3_600_000 - ago) < 60_000);
  });

  it('name the flag of a value that is none of its kind', () => {
    refused('lock acquire', 'a -m x --ttl NaN', /^--ttl: "NaN" is not a duration/);
    refused('lock acquire', 'a -m x --wait 10parsecs', /^--wait/);
    refused('lock acquire', 'a -m x --priority high', /^--priority takes a whole number/);
    refused('lock check', 'id --fence 1.5', /^--fence/);
    refused('lock check', 'id --fence 99999999999999999999', /^--fence/);
    refused('log', '--since yesterday', /^--since/);
    refused('log', '--limit many', /^--limit/);
    refused('run', '--port 65536', /^--port takes a port/);
    refused('audit', '--action lost-it', /^--action has no value/);
  });

  it('must not be blank', () => {
    assert.throws(() => readArguments('lock acquire', new Map([['message', ['  ']]])), /--message is empty/);
    assert.throws(() => readArguments('why', new Map([['target', ['']]])), /<target> is empty/);
  });

  it('must not be given twice, unless they make a list', () => {
    const twice = new Map([
      ['targets', ['a']],
      ['message', ['x', 'y']],
    ]);
    assert.throws(() => readArguments('lock acquire', twice), /--message is given twice/);
  });

  it('say which one is missing', () => {
    assert.throws(() => readArguments('lock acquire', new Map([['targets', ['a']]])), /--message is missing/);
  });
});
