import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CollabError } from '../../src/base/errors.ts';
import { editedLines } from '../../src/hook/edited-lines.ts';
import { parseHookEvent } from '../../src/hook/hook-event.ts';
import { toolReads, toolWrites } from '../../src/hook/tool-writes.ts';
import { testSeed } from '../support/seed.ts';

const seed = testSeed();

/** As the clients send it. */
const recorded = {
  session_id: '5f2b1c9e-8a41-4d0e-9a57-1c2d3e4f5a6b',
  transcript_path: '/home-of-a-user/.claude/projects/app/5f2b1c9e.jsonl',
  cwd: '/r',
  permission_mode: 'acceptEdits',
  hook_event_name: 'PreToolUse',
  tool_use_id: 'toolu_01ABC',
};

function writes(tool: string, input: unknown, client: 'claude' | 'codex' = 'claude') {
  const event = parseHookEvent(client, { ...recorded, tool_name: tool, tool_input: input });
  const { targets, unparsed } = toolWrites(event);
  return {
    found: targets.map(({ kind, path, change }) => `${kind} ${path} ${change?.kind ?? 'whole'}`),
    unparsed,
  };
}

const cases: readonly (readonly [tool: string, input: unknown, expected: readonly string[]])[] = [
  [
    'Edit',
    { file_path: '/r/a.ts', old_string: 'x', new_string: 'y', replace_all: false },
    ['edit /r/a.ts replace'],
  ],
  ['Edit', { file_path: 'a.ts', old_string: 'x', new_string: 'y' }, ['edit /r/a.ts replace']],
  [
    'MultiEdit',
    {
      file_path: '/r/a.ts',
      edits: [
        { old_string: 'x', new_string: 'y' },
        { old_string: 'z', new_string: '' },
      ],
    },
    ['edit /r/a.ts replace'],
  ],
  ['Write', { file_path: '/r/a.ts', content: 'x' }, ['overwrite /r/a.ts text']],
  [
    'NotebookEdit',
    { notebook_path: '/r/n.ipynb', cell_id: 'c', new_source: 'x', edit_mode: 'replace' },
    ['edit /r/n.ipynb whole'],
  ],
  ['Bash', { command: 'echo x > b.txt', description: 'write' }, ['overwrite /r/b.txt whole']],
  [
    'apply_patch',
    { command: '*** Begin Patch\n*** Update File: a.ts\n@@\n-x\n+y\n*** Delete File: b.ts\n*** End Patch' },
    ['edit /r/a.ts hunks', 'delete /r/b.ts whole'],
  ],
  ['shell', { command: ['bash', '-lc', 'rm c.txt'], workdir: 'sub' }, ['delete /r/sub/c.txt whole']],
  ['shell', { command: ['rm', 'my file', '$HOME'] }, ['delete /r/my file whole', 'delete /r/$HOME whole']],
  [
    'shell',
    { command: ['apply_patch', '*** Begin Patch\n*** Add File: n\n+x\n*** End Patch'] },
    ['create /r/n whole'],
  ],
  ['exec_command', { cmd: "sed -i 's/a/b/' d.txt" }, ['modify /r/d.txt whole']],
  ['Read', { file_path: '/r/a.ts' }, []],
  ['WebSearch', { query: '> a.ts' }, []],
  ['mcp__other__write', { file_path: '/r/a.ts' }, []],
];

for (const [tool, input, expected] of cases) {
  test(`finds ${expected.length === 0 ? 'nothing' : expected.join(' and ')} in a ${tool} of ${JSON.stringify(input).slice(0, 60)}`, () => {
    assert.deepEqual(writes(tool, input), { found: expected, unparsed: [] });
    assert.deepEqual(writes(tool, input, 'codex').found, expected);
  });
}

test('says what it could not read of a malformed input, and finds nothing in it', () => {
  for (const [tool, input] of [
    ['Edit', {}],
    ['Edit', { file_path: '', old_string: 'x', new_string: 'y' }],
    ['Edit', { file_path: 'a\u0000b', old_string: 'x', new_string: 'y' }],
    ['MultiEdit', { file_path: '/r/a.ts', edits: 'none' }],
    ['Write', { file_path: '/r/a.ts', content: 5 }],
    ['NotebookEdit', null],
    ['apply_patch', { command: 7 }],
    ['shell', { command: ['bash', 5] }],
    ['Bash', { command: { nested: true } }],
  ] as const)
    assert.deepEqual([writes(tool, input).found, writes(tool, input).unparsed.length], [[], 1], tool);
});

test('tells the session, the sub-agent and what was read from an event', () => {
  const event = parseHookEvent('claude', {
    ...recorded,
    agent_id: 'a7',
    agent_type: 'Explore',
    tool_name: 'Read',
    tool_input: { file_path: 'x.ts', offset: 5 },
  });
  assert.equal(event.session, `claude:${recorded.session_id}`);
  assert.equal(event.agent, `claude:${recorded.session_id}/a7`);
  assert.equal(event.agentName, 'Explore');
  assert.equal(toolReads(event), '/r/x.ts');
  assert.equal(parseHookEvent('codex', recorded).agent, `codex:${recorded.session_id}`);
});

test('refuses an event without a session, a name or a directory', () => {
  for (const fields of [
    { session_id: undefined },
    { session_id: '' },
    { session_id: 'a\nb' },
    { cwd: 'relative' },
    { hook_event_name: 5 },
  ])
    assert.throws(() => parseHookEvent('claude', { ...recorded, ...fields }), CollabError);
  for (const raw of [null, [], 'x', 5]) assert.throws(() => parseHookEvent('claude', raw), CollabError);
});

/** What shell lines and patches are made of. */
const pieces = [
  ...`> >> | && ; " ' $( ) \` <<E E \\ { } ( rm cd git checkout -- -C sed -i mv a ../b * ~ $x bash -c @@ -y +z`.split(
    ' ',
  ),
  ...[' ', '\n', '\u0000', '*** Begin Patch', '*** Update File: x', '*** End Patch'],
];

test(`answers to any input of any tool, and writes only to absolute paths (TEST_SEED=${seed})`, () => {
  const tools = [...new Set(cases.map(([tool]) => tool))];
  const fields = [
    'file_path',
    'notebook_path',
    'old_string',
    'new_string',
    'content',
    'command',
    'cmd',
    'edits',
    'workdir',
  ];
  const piece = fc.constantFrom(...pieces);
  const text = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(''));
  const value = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }), fc.array(text, { maxLength: 5 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...tools),
      fc.dictionary(fc.constantFrom(...fields), value),
      (tool, input) => {
        const event = parseHookEvent('claude', { ...recorded, tool_name: tool, tool_input: input });
        for (const { path, change } of toolWrites(event).targets) {
          assert.ok(path.startsWith('/'), path);
          if (change !== undefined) editedLines(change, 'a\nb\n');
        }
      },
    ),
    { seed, numRuns: 3000 },
  );
});
