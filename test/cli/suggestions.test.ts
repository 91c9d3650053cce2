/** What was probably meant, where only the daemon, the directory or the settings know what there is. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { withSuggestion } from '../../src/cli/suggestion.ts';
import { CliFixture } from './cli-fixture.ts';

const cli = new CliFixture();
after(() => cli.close());

async function nextOf(line: string): Promise<string> {
  const { ok, error } = await cli.json(line.split(' '));
  assert.equal(ok, false, line);
  return error?.next ?? '';
}

describe('what was meant', () => {
  let id = '';
  let invite = '';
  let backup = '';
  before(async () => {
    await cli.json(['config', 'set', 'peers.name', 'workbench']);
    await cli.json(['init', 'acme']);
    invite = (await cli.json(['invite'])).data.invite.id;
    id = (await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'x', '--agent', 'ann'])).data.lock.id;
    backup = (await cli.json(['backup'])).data.name;
  });

  it('is a lock that is held, near or begun', async () => {
    const near = `${id.slice(0, -1)}x`;
    assert.match(await nextOf(`lock release ${near} --agent ann`), new RegExp(`^Did you mean ${id}\\?`));
    assert.match(await nextOf(`lock renew ${near} --agent ann`), new RegExp(`^Did you mean ${id}\\?`));
    assert.match(await nextOf(`lock check ${id}x`), new RegExp(`^Did you mean ${id}\\?`));
    assert.match(
      await nextOf(`lock force ${id.slice(0, -3)} --reason x`),
      new RegExp(`^Did you mean ${id}\\?`),
    );
    assert.doesNotMatch(await nextOf('lock release nothing-like-it'), /Did you mean/);
  });

  it('is not asked when the lock is there and somebody else holds it', async () => {
    assert.match(await nextOf(`lock release ${id} --agent ben`), /^You act as ben/);
  });

  it('is a member and an invite', async () => {
    assert.match(await nextOf('peers evict workbenhc'), /^Did you mean workbench\?/);
    assert.match(
      await nextOf(`invite revoke ${invite.slice(0, -1)}`),
      new RegExp(`^Did you mean ${invite}\\?`),
    );
  });

  it('is a client, a setting and a value of one', async () => {
    assert.match(await nextOf('setup cluade'), /^Did you mean claude\?/);
    const { error } = await cli.json(['config', 'set', 'prot', '1']);
    assert.match(error?.message ?? '', /did you mean "port"\?/);
    assert.match(await nextOf('config set enforce clsoed'), /^Did you mean closed\?/);
  });

  it('is a backup', async () => {
    await cli.run(['daemon', 'stop']);
    const near = backup.slice(0, -1);
    assert.match(await nextOf(`restore ${near}`), new RegExp(`^Did you mean ${backup}\\?`));
    assert.match(await nextOf(`migrate restore ${near}`), new RegExp(`^Did you mean ${backup}\\?`));
  });

  it('is left open when it cannot be found out, and by errors of another kind', async () => {
    const unknown = new CollabError('NOT_FOUND', 'x', { next: 'y' });
    assert.equal(await withSuggestion(unknown, 'abcd', () => Promise.reject(new Error('away'))), unknown);
    const other = new CollabError('LOCK_NOT_HELD', 'x', { details: { reason: 'expired' } });
    assert.equal(await withSuggestion(other, 'abcd', async () => ['abce']), other);
  });
});
