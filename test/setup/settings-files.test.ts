import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse as parseTomlText } from 'smol-toml';
import { CollabError } from '../../src/base/errors.ts';
import { clientsIn, type SetupEntries } from '../../src/setup/clients.ts';
import { parseSettings, without, withValue } from '../../src/setup/json-settings.ts';
import { withTable } from '../../src/setup/toml-table.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const entries: SetupEntries = {
  server: { command: 'agent-collab', args: ['mcp'] },
  command: 'agent-collab hook',
  http: { url: 'http://127.0.0.1:7411/v1/hook/claude', token: 'secret', blocks: false },
};

const files = clientsIn('/home-of-a-user').flatMap(({ name, files }) =>
  files.map((file) => ({ title: `${name}'s ${file.path.split('/').at(-1)}`, ...file })),
);
const json = files.filter(({ path }) => path.endsWith('.json'));

/** As people write them. */
const texts: Readonly<Record<string, string>> = {
  empty: '',
  'an empty object': '{}\n',
  'comments and one-line lists': `{
    // my settings
    "model": "opus", // the large one
    "hooks": {
        "PreToolUse": [
            { "matcher": "Bash", "hooks": [ { "type": "command", "command": "mine.sh" } ] } // keep
        ],
        /* nothing here */
        "Notification": []
    },
    "mcpServers": { "other": { "command": "x" } }, "servers": {
        "other": { "type": "http", "url": "https://example.org" },
    },
}
`,
  tabs: '{\n\t"a": [1, 2,\n\t3],\n\t"mcpServers": {\n\t\t"b": {"command": "y"}\n\t}\n}',
  'carriage returns': '{\r\n  "a": 1\r\n}\r\n',
  'one line': '{"a":{"b":[1]},"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"z"}]}]}}',
};

describe('settings of clients', () => {
  for (const { title, edit } of json) {
    for (const [what, text] of Object.entries(texts)) {
      it(`are added to ${title} with ${what}, once, and taken out again whole`, () => {
        const after = edit(text, entries);
        assert.notEqual(after, text);
        assert.equal(edit(after, entries), after);
        for (const comment of ['// my settings', '// the large one', '// keep', '/* nothing here */'])
          assert.equal(after.includes(comment), text.includes(comment), comment);
        const gone = edit(after, undefined);
        assert.equal(gone, text === '' ? '{}\n' : text);
      });
    }

    it(`are put right in ${title} where they have drifted`, () => {
      const after = edit(texts.tabs ?? '', entries);
      const drifted = after.replace('"mcp"', '"old"').replace('"timeout": 15', '"timeout": 3');
      assert.notEqual(drifted, after.replace('"timeout": 15', '"timeout":15'));
      assert.equal(edit(drifted, entries), after);
    });

    it(`are refused in ${title} where it cannot be read`, () => {
      for (const text of ['{', '[]', '{"a": }', 'model: opus', '{"a": 1} x'])
        assert.throws(
          () => edit(text, entries),
          (error) => error instanceof CollabError && error.code === 'CLIENT_CONFIG_INVALID',
        );
    });
  }
});

const toml = `# my codex
model = "gpt-5" # the large one

[mcp_servers.other]
command = "x"
# about what comes next

[profiles.fast]
model = "mini"
`;

function plain(text: string): { readonly mcp_servers: Readonly<Record<string, unknown>> } {
  return JSON.parse(JSON.stringify(parseTomlText(text)));
}

describe('entries of a file with comments', () => {
  const comments = [
    '',
    ' ',
    ' // to the end of the line\n',
    ' /* aside */ ',
    '\n  // its own line\n  ',
    '\n\t',
  ];

  it('are taken out without touching what stands beside them, wherever comments and breaks are', () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < 2000; round++) {
      const gap = () => random.pick(comments);
      const names = ['a', 'mine', 'b'].slice(random.int(0, 1), random.int(2, 3));
      const entries = names.map(
        (name) => `${gap()}"${name}":${gap()}${name === 'mine' ? '{"x": [1]}' : `"${name}"`}${gap()}`,
      );
      const text = `{${entries.join(',')}${random.chance(0.2) && names.length > 0 ? `,${gap()}` : ''}}\n`;
      const left = without(text, ['mine']);
      const expected = Object.fromEntries(
        names.filter((name) => name !== 'mine').map((name) => [name, name]),
      );
      assert.deepEqual(
        { ...parseSettings('it', left) },
        expected,
        `seed ${seed}: ${JSON.stringify(text)} became ${JSON.stringify(left)}`,
      );
      const again = withValue(left, ['mine', 'x'], [1]);
      assert.deepEqual(
        JSON.parse(JSON.stringify(parseSettings('it', again))),
        { ...expected, mine: { x: [1] } },
        `seed ${seed}: ${JSON.stringify(left)} became ${JSON.stringify(again)}`,
      );
    }
  });
});

describe("Codex's config.toml", () => {
  const table = ['mcp_servers', 'agent-collab'] as const;
  const set = (text: string, entry: SetupEntries['server'] | undefined = entries.server) =>
    withTable('config.toml', text, table, entry);

  it('gets the table at its end, once, and gives it back', () => {
    const after = set(toml);
    assert.ok(after.startsWith(toml));
    assert.deepEqual(plain(after).mcp_servers, {
      other: { command: 'x' },
      'agent-collab': { command: 'agent-collab', args: ['mcp'] },
    });
    assert.equal(set(after), after);
    assert.equal(withTable('config.toml', after, table, undefined), toml);
    assert.equal(withTable('config.toml', toml, table, undefined), toml);
  });

  it('keeps what its user has added to the table, and what stands around it', () => {
    const own = `${toml}\n[mcp_servers."agent-collab"] # mine\ncommand = "old"\nargs = ["x"]\nstartup_timeout_sec = 20\n\n# tail\n[z]\na = 1\n`;
    const after = set(own);
    const { mcp_servers: servers } = plain(after);
    assert.deepEqual(servers['agent-collab'], {
      command: 'agent-collab',
      args: ['mcp'],
      startup_timeout_sec: 20,
    });
    for (const part of ['# my codex', '# mine', '# tail', '# about what comes next'])
      assert.ok(after.includes(part), part);
    const gone = withTable('config.toml', after, table, undefined);
    assert.ok(gone.includes('# tail\n[z]'));
    assert.equal(plain(gone).mcp_servers['agent-collab'], undefined);
  });

  it('is refused where it cannot be read, or holds the table in another form', () => {
    for (const text of ['a = ', '[x', 'mcp_servers = { "agent-collab" = { command = "a" } }\n'])
      assert.throws(
        () => set(text),
        (error) => error instanceof CollabError && error.code === 'CLIENT_CONFIG_INVALID',
      );
  });

  it('keeps lists of several lines of our own keys from being torn', () => {
    const own = '[mcp_servers.agent-collab]\ncommand = "old"\nargs = [\n  "x",\n]\n';
    assert.throws(() => set(own), CollabError);
  });
});
