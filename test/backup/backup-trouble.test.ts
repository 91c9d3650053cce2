/** `backup` and `restore` on damage, after a kill, and on a terminal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { program } from '../support/built-program.ts';
import { used } from './command-fixture.ts';
import { killedAt } from './kill-fixture.ts';

describe('agent-collab backup and restore', () => {
  it('keep a copy of damaged stores, say so, and exit with 5', async (t) => {
    const cli = await used(t);
    const file = join(cli.home, 'lmdb', 'delta', 'data.mdb');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('the first');
    assert(at > 0);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { exit, error } = await cli.json(['backup']);
    assert.deepEqual([exit, error?.code], [5, 'VERIFY_FAILED']);
    const { backup, problems } = error?.details ?? {};
    assert.equal(backup.stores.sound, false);
    assert.match(problems[0], /^delta, /);
    assert.match(error?.next ?? '', /is kept.*verify --repair/);
    assert.deepEqual(readdirSync(backup.directory).sort(), ['files', 'manifest.json']);
    assert.match((await cli.run(['backup', '--list'])).stdout, /complete, of damaged stores/);
    assert.equal((await cli.json(['restore', backup.name])).exit, 0);
  });

  it('leave it to the next start of the daemon to finish a restore that was killed', async (t) => {
    const cli = await used(t);
    const { data } = await cli.json(['backup']);
    await cli.json(['context', 'share', 'src/login.ts', '-m', 'the second', '--agent', 'ann']);
    await cli.json(['daemon', 'stop']);
    await killedAt(cli, ['restore', data.name], 'restore.moving-in@2');
    const start = await cli.run(['daemon', 'start']);
    assert.match(start.stdout, /a restore of backup \S+ had been interrupted and was finished/);
    const contexts = (await cli.json(['context', 'list'])).data.contexts;
    assert.deepEqual(
      contexts.map(({ content }: { content: string }) => content),
      ['the first'],
    );
    assert.equal((await cli.json(['verify'])).exit, 0);
    assert.equal((await cli.json(['backup', '--list'])).data.backups.length, 2);
  });

  it('show on a terminal what is being done, and nothing of it elsewhere', async (t) => {
    const cli = await used(t);
    const { nodeArguments, root, extension } = program();
    const words = [process.execPath, ...nodeArguments, join(root, `src/cli/main.${extension}`), 'backup'];
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: cli.path('.'),
      AGENT_COLLAB_HOME: cli.home,
      // The process that copies comes to a stand: what takes over a second shows.
      AGENT_COLLAB_FAILPOINTS: 'backup.settled=stall',
    };
    const command = words.map((word) => `'${word}'`).join(' ');
    const pty = spawn('script', ['-qefc', command, '/dev/null'], { env, cwd: cli.repository });
    let shown = '';
    pty.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    const ended = new Promise((resolve) => pty.once('close', resolve));
    while (!/(backing up|copying .* %\)) … \d+s/.test(shown)) await delay(50);
    // On a slow machine a second is over before the process has made its directory.
    const markerIn = () => {
      const [name = ''] = readdirSync(join(cli.home, 'backups'));
      return join(cli.home, 'backups', name, 'incomplete.json');
    };
    while (!existsSync(markerIn())) await delay(50);
    const marker = readFileSync(markerIn(), 'utf8');
    process.kill((JSON.parse(marker) as { pid: number }).pid, 'SIGKILL');
    assert.equal(await ended, 5, shown);
    assert.match(shown, /the backup was ended by SIGKILL[\s\S]*Run it again/);
    const quiet = await cli.run(['backup']);
    assert.deepEqual([quiet.code, quiet.stderr], [0, '']);
    assert.equal(readdirSync(join(cli.home, 'backups')).length, 1);
  });
});
