import { chmodSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeLegacyHome } from './legacy-home.ts';

/** With everything in it that is easily lost: modes, times, links, empty directories, names that are no UTF-8. */
export function writeAwkwardHome(home: string): void {
  writeLegacyHome(home);
  mkdirSync(join(home, 'backup_20261123_170436', 'vectors'), { recursive: true });
  mkdirSync(join(home, 'two words', 'empty'), { recursive: true });
  writeFileSync(join(home, 'badger', 'audit', '000001.vlog'), Buffer.alloc(70_000, 7));
  writeFileSync(join(home, 'backup_20261123_170436', 'vectors', 'default.json'), '{}', { mode: 0o444 });
  for (const name of ['a\u0308.json', '\u00e4.json', 'line\nfeed.json', '.hidden.json'])
    writeFileSync(join(home, 'vectors', name), '{"documents":{}}');
  writeFileSync(Buffer.concat([Buffer.from(`${home}/two words/`), Buffer.from([0x66, 0xfc])]), 'latin');
  writeFileSync(join(home, 'hook-locks.json'), '{}', { mode: 0o640 });
  writeFileSync(join(home, 'daemon.pid'), '999999999');
  symlinkSync('nowhere/at/all', join(home, 'dangling'));
  symlinkSync('vectors', join(home, 'to-vectors'));
  lutimesSync(join(home, 'dangling'), 1_700_000_000, 1_600_000_000.123456);
  utimesSync(join(home, 'hook-locks.json'), 1_700_000_000, 1_650_000_000.654321);
  utimesSync(join(home, 'two words', 'empty'), 1_700_000_000, 1_500_000_000);
  chmodSync(join(home, 'badger', 'audit'), 0o555);
  utimesSync(join(home, 'vectors'), 1_700_000_000, 1_400_000_000.5);
}
