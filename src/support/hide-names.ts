/** Takes out of a text who and where the user is, as far as it is known here. */

export interface Names {
  /** The home directory of the user. */
  readonly home: string;
  readonly user: string;
  readonly host: string;
}

/** Accounts and machines that everybody has: their names tell nothing, and are words of many a message. */
const everybodys: ReadonlySet<string> = new Set(
  'root user users admin administrator node app daemon runner build test ubuntu debian ec2-user vagrant pi nobody agent localhost'.split(
    ' ',
  ),
);
const minNameChars = 3;

export function createNameHider({ home, user, host }: Names): (text: string) => string {
  const [label = ''] = host.split('.');
  const wholeWords: readonly (readonly [string, string])[] = [
    [host, '<host>'],
    [label, '<host>'],
    [user, '<user>'],
  ];
  const rules: (readonly [RegExp, string])[] = [];
  // Not `/`, which a service may have.
  if (/[^/\\]{2}/.test(home)) rules.push([new RegExp(`${escaped(home)}(?![\\p{L}\\p{N}_-])`, 'gu'), '~']);
  for (const [name, word] of wholeWords) {
    if (name.length < minNameChars || everybodys.has(name.toLowerCase())) continue;
    // Beside a letter or a digit it is another word; `ann-laptop`, `/mnt/ann/` and `ann@pts/3` name the user.
    rules.push([new RegExp(`(?<![\\p{L}\\p{N}])${escaped(name)}(?![\\p{L}\\p{N}])`, 'giu'), word]);
  }
  return (text) => rules.reduce((shown, [pattern, word]) => shown.replace(pattern, word), text);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
