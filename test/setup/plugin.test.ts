import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse as parseYaml } from 'yaml';
import { version } from '../../src/base/version.ts';
import { claudeHooks } from '../../src/setup/hook-settings.ts';

const root = fileURLToPath(new URL('../../plugin/', import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(root + name, 'utf8'));

function frontMatter(name: string): Readonly<Record<string, unknown>> {
  const [before, head = ''] = readFileSync(root + name, 'utf8').split('---\n');
  assert.equal(before, '');
  return parseYaml(head) as Readonly<Record<string, unknown>>;
}

test('is a Claude Code plugin with a manifest of the version of the program', () => {
  const manifest = json('.claude-plugin/plugin.json');
  assert.match(manifest.name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
  assert.equal(manifest.version, version);
});

test('has the hooks that the setup writes, as commands', () => {
  const entries = claudeHooks({ command: 'agent-collab hook' });
  const hooks = Object.fromEntries(
    entries.map(({ event, matcher, hook }) => [
      event,
      [{ ...(matcher === undefined ? {} : { matcher }), hooks: [hook] }],
    ]),
  );
  assert.deepEqual(json('hooks/hooks.json').hooks, hooks);
});

test('has the MCP entry, a skill and slash commands that say what they are for', () => {
  assert.deepEqual(json('.mcp.json').mcpServers['agent-collab'], { command: 'agent-collab', args: ['mcp'] });
  const skill = frontMatter('skills/working-with-other-agents/SKILL.md');
  assert.equal(skill.name, 'working-with-other-agents');
  assert.ok(String(skill.description).length < 1024);
  const commands = readdirSync(`${root}commands`);
  assert.ok(commands.length >= 4);
  for (const name of commands)
    assert.ok(String(frontMatter(`commands/${name}`).description).length > 10, name);
});
