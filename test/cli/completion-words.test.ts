/** What is offered at each place of a line, and how bash is read and answered. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommandSpec } from '../../src/cli/command-spec.ts';
import { commands } from '../../src/cli/commands.ts';
import { bashAnswer, readBashLine } from '../../src/cli/completion/bash-line.ts';
import { liveWords } from '../../src/cli/completion/live-words.ts';
import { wantedWord } from '../../src/cli/completion/wanted-word.ts';
import { clientNames } from '../../src/setup/clients.ts';

const at = (line: string) => {
  const words = line.split(' ');
  return wantedWord(words.slice(0, -1), words.at(-1) ?? '');
};
const offered = (line: string) => at(line).candidates.map(({ value }) => value);

describe('the word at the cursor', () => {
  it('is a command or a group at first, or a flag of the program', () => {
    const words = offered('');
    for (const name of Object.keys(commands)) assert.ok(words.includes(name.split(' ')[0] ?? ''), name);
    assert.deepEqual(offered('-'), ['--help', '--json', '--version']);
    assert.ok(offered('help ').includes('lock'));
    assert.ok(offered('--json ').includes('status'));
  });

  it('is a command of the group after its name, and nothing after an unknown one', () => {
    assert.deepEqual(offered('invite '), ['list', 'revoke', '--ttl', '--json', '--help']);
    assert.ok(offered('lock ').includes('release'));
    assert.ok(offered('help lock ').includes('release'));
    assert.deepEqual(offered('nonsense '), []);
    assert.deepEqual(offered('lock nonsense '), []);
  });

  it('is what the argument of the command is', () => {
    assert.equal(at('lock release ').source, 'lock');
    assert.equal(at('lock acquire a.ts b').source, 'target');
    assert.equal(at('restore ').source, 'backup');
    assert.equal(at('config set port ').source, 'setting-value');
    assert.equal(at('config set port ').given.get('key'), 'port');
    assert.deepEqual(offered('completion '), ['bash', 'zsh', 'fish']);
  });

  it('is the value of the option before it, in one word with it or in two', () => {
    assert.equal(at('lock list --agent ').source, 'agent');
    assert.ok(offered('audit --action ').includes('denied'));
    const joined = at('usage --by=mo');
    assert.deepEqual([joined.prefix, joined.text], ['--by=', 'mo']);
    assert.ok(joined.candidates.some(({ value }) => value === '--by=model'));
    assert.equal(at('lock release --agent ann ').given.get('agent'), 'ann');
    assert.deepEqual(offered('lock acquire a -m '), []);
  });

  it('is a flag not given yet, the required ones first; also where nothing else is left', () => {
    assert.deepEqual(offered('lock release x --f'), ['--agent', '--fence', '--json', '--help']);
    assert.deepEqual(offered('lock release x --fence 3 --json '), ['--agent', '--help']);
    assert.deepEqual(offered('lock acquire a --').slice(0, 1), ['--message']);
    assert.ok(offered('lock acquire a -').includes('-m'));
    assert.ok(offered('context share a -m x --tag y --').includes('--tag'));
    assert.ok(!offered('run --').includes('--background-child'));
  });

  it('is no flag after --', () => {
    assert.deepEqual(offered('lock acquire -- -'), []);
    assert.equal(at('lock acquire -- -').source, 'target');
  });

  it('is described by every command, flag and argument in the words of its help', () => {
    for (const [name, spec] of Object.entries<CommandSpec>(commands)) {
      for (const { value, about } of at(`${name} -`).candidates) assert.ok(about, `${name} ${value}`);
      assert.ok(spec.summary.length > 0, name);
    }
  });

  it('names the clients that setup knows, several with commas', async () => {
    const around = { home: '/nonexistent', cwd: '/' };
    const words = async (line: string) => {
      const found = await liveWords('client', at(line), around);
      return found === 'files' ? [] : found.map(({ value }) => value);
    };
    assert.deepEqual(await words('setup '), [...clientNames, 'git', 'status']);
    assert.ok((await words('setup claude,')).includes('claude,codex'));
    assert.ok(!(await words('setup claude,')).includes('claude,claude'));
  });
});

const breaks = ' \t\n"\'@><=;|&(:';
const read = (line: string) => readBashLine(`agent-collab ${line}`, breaks);

describe('a line of bash', () => {
  it('is read without its quotes, up to the cursor', () => {
    assert.deepEqual(read(`lock 'a b' "c \\"d\\" $e" f\\ g h`).words, ['lock', 'a b', 'c "d" $e', 'f g']);
    assert.deepEqual([read('why ').current, read('why x').current], ['', 'x']);
    assert.deepEqual(read('why "a b').quote, '"');
    assert.deepEqual(read("why 'a b").current, 'a b');
  });

  it('begins anew behind an operator, and tells a redirection from an argument', () => {
    assert.deepEqual(readBashLine('cd x; agent-collab why a', breaks).words, ['why']);
    assert.equal(read('status > fi').isRedirect, true);
    assert.deepEqual(
      [read('status > file x').isRedirect, read('status > file x').words],
      [false, ['status']],
    );
  });

  it('is answered with what stands behind the last break, quoted as the word is', () => {
    assert.equal(bashAnswer(read('lock list --agent=an'), '--agent=ann@pts/3'), 'ann@pts/3');
    assert.equal(bashAnswer(read('lock list --agent ann@'), 'ann@pts/3'), '@pts/3');
    assert.equal(bashAnswer(read('context show bX4K:'), 'bX4K:7'), '7');
    assert.equal(bashAnswer(read('context show "bX4K:'), 'bX4K:7'), 'bX4K:7');
    assert.equal(bashAnswer(read('lock list --agent x'), 'ann'), undefined);
  });

  it('gets no answer that the shell would run', () => {
    const evil = 'a $(touch x) `y`;&|<>"\'\\!*?~{}#';
    const bare = bashAnswer(read('lock list --agent a'), evil) ?? '';
    assert.doesNotMatch(bare.replace(/\\./g, ''), /[^\w/.:=@%+,-]/);
    assert.equal(bashAnswer(read('lock list --agent "a'), 'a$(b)`c`"\\'), 'a\\$(b)\\`c\\`\\"\\\\');
    assert.equal(bashAnswer(read('lock list --agent "a'), 'a!b'), undefined);
    assert.equal(bashAnswer(read("lock list --agent 'a"), "a'$(b)"), "a'\\''$(b)");
  });
});
