/**
 * Finds keys and tokens in a text, by the forms that their makers publish, before it goes into a log that is kept and copied to every node.
 *
 * Linear in the text, whatever it is: a pattern is a literal beginning and one run of characters, so it fails after a few of them or takes
 * the run, and the search goes on behind it. What cannot be said in that form (a block, parts, a name in front of a value) is looked up
 * by code at the places that a plain search finds. A value without a form of its own is a secret only where a name says so.
 */
import { areWords, isPlaceholder, looksRandom } from './secret-value.ts';

export interface Secret {
  readonly kind: string;
  readonly start: number;
  /** Just past it. */
  readonly end: number;
}

/** In the order of the text, none over another. */
export function findSecrets(text: string): readonly Secret[] {
  const found = [
    ...keyBlocks(text),
    ...webTokens(text),
    ...knownTokens(text),
    ...urlPasswords(text),
    ...assigned(text),
  ];
  if (found.length < 2) return found;
  return merged(found.sort((a, b) => a.start - b.start));
}

/** Those that overlap are one, of the kind of the first; of one beginning the first in the list above, whose form is the more telling. */
function merged(sorted: readonly Secret[]): readonly Secret[] {
  const apart: Secret[] = [];
  for (const secret of sorted) {
    const last = apart.at(-1);
    if (last === undefined || secret.start >= last.end) apart.push(secret);
    else if (secret.end > last.end) apart[apart.length - 1] = { ...last, end: secret.end };
  }
  return apart;
}

/** The text with a word in the place of each secret. */
export function redact(text: string, secrets: readonly Secret[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { kind, start, end } of secrets) {
    parts.push(text.slice(at, start), `[redacted: ${kind}]`);
    at = end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(at);
}

/** What a value under a name is, when the two together make a secret: of an object's entry, where no text says both. */
export function secretUnder(name: string, value: string): string | undefined {
  const kind = kindOfName(name);
  return kind !== undefined && value.length >= minValueChars && !/\s/.test(value) && looksRandom(value)
    ? kind
    : undefined;
}

interface TokenForm {
  readonly kind: string;
  readonly begins: RegExp;
  readonly pattern: string;
  /** What follows the beginning may as well be words: `sk-learn-contrib-…`; `my-sk-…` is a name anyway. @default false */
  readonly mayBeWords?: true;
  /** What of it stands in front of the secret itself. @default nothing */
  readonly lead?: RegExp;
}

/** The first whose beginning fits names the kind. */
const tokenForms: readonly TokenForm[] = [
  {
    kind: 'GitHub token',
    begins: /^g(?:h[a-z]|ithub_pat)_/,
    pattern: 'gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,}',
  },
  { kind: 'GitLab token', begins: /^glpat-/, pattern: 'glpat-[A-Za-z0-9_-]{20,}', mayBeWords: true },
  { kind: 'Slack token', begins: /^xox/, pattern: 'xox[abeoprs]-[A-Za-z0-9-]{10,}', mayBeWords: true },
  { kind: 'Stripe key', begins: /^[sr]k_live_/, pattern: '[sr]k_live_[A-Za-z0-9]{16,}' },
  { kind: 'Anthropic key', begins: /^sk-ant-/, pattern: 'sk-ant-[A-Za-z0-9_-]{20,}', mayBeWords: true },
  { kind: 'OpenAI key', begins: /^sk-/, pattern: 'sk-(?<!\\w-sk-)[A-Za-z0-9_-]{20,}', mayBeWords: true },
  { kind: 'AWS access key id', begins: /^A[KS]IA/, pattern: 'A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9_])' },
  { kind: 'Google API key', begins: /^AIza/, pattern: 'AIza[A-Za-z0-9_-]{35,}' },
  { kind: 'npm token', begins: /^npm_/, pattern: 'npm_[A-Za-z0-9]{36,}' },
  { kind: 'PyPI token', begins: /^pypi-/, pattern: 'pypi-[A-Za-z0-9_-]{50,}', mayBeWords: true },
  { kind: 'SendGrid key', begins: /^SG\./, pattern: 'SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}' },
  { kind: 'Twilio key', begins: /^SK[0-9a-f]/, pattern: 'SK[0-9a-f]{32}(?![A-Za-z0-9_])' },
  {
    kind: 'agent-collab invite',
    begins: /^acinv/,
    pattern: 'acinv1\\.[A-Za-z0-9_-]{20,}\\.[A-Za-z0-9_-]{20,}',
  },
  {
    kind: 'bearer token',
    begins: /^[Bb]earer/,
    pattern: '[Bb]earer {1,4}[A-Za-z0-9._~+/-]{20,}',
    mayBeWords: true,
    lead: /^[Bb]earer +/,
  },
];
/** At a word's beginning, also behind a line break that is spelled out. */
const anyToken = new RegExp(
  `(?:\\b|(?<=\\\\[nrt]))(?:${tokenForms.map(({ pattern }) => pattern).join('|')})`,
  'g',
);

function knownTokens(text: string): readonly Secret[] {
  const found: Secret[] = [];
  for (const { 0: token, index } of text.matchAll(anyToken)) {
    const form = tokenForms.find(({ begins }) => begins.test(token));
    if (form === undefined) continue;
    const start = index + (form.lead?.exec(token)?.[0].length ?? 0);
    const end = index + lengthWithout(token, '.');
    const value = text.slice(start, end);
    const body = form.lead === undefined ? value.replace(form.begins, '') : value;
    if (isPlaceholder(body) || (form.mayBeWords && areWords(body))) continue;
    found.push({ kind: form.kind, start, end });
  }
  return found;
}

const minPartChars = 4;

function isLong(part: string | undefined): boolean {
  return part !== undefined && part.length >= minPartChars;
}

/** JSON web tokens: three parts in base64url, the first of which is a JSON object. */
function webTokens(text: string): readonly Secret[] {
  if (!text.includes('eyJ')) return [];
  const found: Secret[] = [];
  for (const { 0: run, index } of text.matchAll(/(?:\b|(?<=\\[nrt]))eyJ[A-Za-z0-9_.-]*/g)) {
    const parts = run.split('.');
    let start = index;
    for (let at = 0; at + 2 < parts.length; ) {
      const header = parts[at] ?? '';
      const length = header.length + 1 + (parts[at + 1]?.length ?? 0) + 1 + (parts[at + 2]?.length ?? 0);
      if (header.length > 8 && header.startsWith('eyJ') && isLong(parts[at + 1]) && isLong(parts[at + 2])) {
        found.push({ kind: 'JWT', start, end: start + length });
        start += length + 1;
        at += 3;
      } else {
        start += header.length + 1;
        at += 1;
      }
    }
  }
  return found;
}

const blockHead = '-----BEGIN ';
const blockFoot = '-----END ';
const head = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/y;
const foot = /-----END [A-Z0-9 ]{0,60}-----/y;

/** Private keys between their lines, also in a string of JSON, and what of one is left when its last line was cut off. A line alone is no key. */
function keyBlocks(text: string): readonly Secret[] {
  const found: Secret[] = [];
  // The next foot and head behind a place; looked up anew only past them, so that the whole costs one walk.
  let footAt = -1;
  for (let start = text.indexOf(blockHead), next: number; start !== -1; start = next) {
    next = text.indexOf(blockHead, start + 1);
    head.lastIndex = start;
    if (!head.test(text)) continue;
    const body = head.lastIndex;
    if (footAt < body) footAt = text.indexOf(blockFoot, body);
    if (footAt === -1) footAt = text.length;
    foot.lastIndex = footAt;
    const isClosed = (next === -1 || footAt < next) && foot.test(text);
    const end = isClosed ? foot.lastIndex : bodyEnd(text, body);
    if (end - body >= 20 && /[A-Za-z0-9+/]{20}/.test(text.slice(body, Math.min(end, body + 2000))))
      found.push({ kind: 'private key', start, end });
  }
  return found;
}

/** A whole line of base64, or a header above it; behind a line break, also one that is spelled out. */
const bodyLine =
  /(?:\\[nrt]|[\s>"'+|])*(?:[A-Za-z0-9+/=]{40,}|(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n\\]{0,200})/y;
const lastLines = /(?:(?:\\[nrt]|[\s>"'+|]){1,8}[A-Za-z0-9+/=]{1,39}(?=[ \t]{0,8}(?:$|[\r\n\\"']))){0,2}/y;

function bodyEnd(text: string, body: number): number {
  let at = body;
  for (bodyLine.lastIndex = at; bodyLine.test(text); ) at = bodyLine.lastIndex;
  lastLines.lastIndex = at;
  return lastLines.test(text) ? lastLines.lastIndex : at;
}

/** As long as `authority` below reads. */
const maxAuthorityChars = 512;

/** `scheme://user:password@host`: the password alone. */
function urlPasswords(text: string): readonly Secret[] {
  const found: Secret[] = [];
  const authority = /[^\s/?#"'<>`\\]{1,512}/y;
  let signAt = text.indexOf('@');
  for (let at = text.indexOf('://'); at !== -1 && signAt !== -1; at = text.indexOf('://', at + 3)) {
    const from = at + 3;
    if (signAt < from) signAt = text.indexOf('@', from);
    if (signAt > from + maxAuthorityChars) continue;
    authority.lastIndex = from;
    const place = authority.exec(text)?.[0] ?? '';
    const sign = place.lastIndexOf('@');
    const colon = place.indexOf(':');
    const password = colon === -1 || sign <= colon + 1 ? '' : place.slice(colon + 1, sign);
    if (password !== '' && !isPlaceholder(password))
      found.push({ kind: 'password in a URL', start: from + colon + 1, end: from + sign });
  }
  return found;
}

const minValueChars = 16;
/** A value behind the sign that gives it to a name: between quotes, or a run of what values are made of. */
const assignment = /[:=]>?[ \t]{0,8}(?:\\?(["'`])([^\s"'`\\]{16,})|([A-Za-z0-9+/_.~!@#$%^*-]{16,}={0,2}))/g;
/** How the name of a secret ends. */
const nameEnds: readonly (readonly [end: string, kind: string])[] = [
  ['password', 'password'],
  ['passwd', 'password'],
  ['pwd', 'password'],
  ['passphrase', 'password'],
  ['token', 'token'],
  ['secret', 'secret'],
  ['credential', 'secret'],
  ['authorization', 'secret'],
];
/** What stands before `key`. */
const keyNames = ['api', 'access', 'secret', 'private', 'auth', 'encryption', 'signing', 'master', 'account'];
/** Longest name that is looked at, with what stands between it and the sign. */
const nameChars = 48;

function assigned(text: string): readonly Secret[] {
  const found: Secret[] = [];
  assignment.lastIndex = 0;
  for (let match = assignment.exec(text); match !== null; match = assignment.exec(text)) {
    const given = match[2] ?? match[3] ?? '';
    const start = match.index + match[0].length - given.length;
    const before = text.slice(Math.max(0, match.index - nameChars), match.index);
    const kind = kindOfName(before.slice(0, lengthWithout(before, '"\'`]\\ \t:')));
    const value = match[1] === undefined ? given.slice(0, lengthWithout(given, '.!')) : given;
    // A call or an index is code.
    const isCode = /[([]/.test(text[start + given.length] ?? '');
    if (kind !== undefined && value.length >= minValueChars && !isCode && looksRandom(value))
      found.push({ kind, start, end: start + value.length });
    // What is no secret as a whole may hold one: an address with a token in its query.
    else assignment.lastIndex = start;
  }
  return found;
}

/** By the end of the name, in any of the usual spellings: `dbPassword`, `API-KEY`, `refresh_tokens`. */
function kindOfName(name: string): string | undefined {
  const lower = name.slice(-nameChars).toLowerCase();
  const last = lower.endsWith('s') ? lower.slice(0, -1) : lower;
  if (!last.endsWith('key')) return nameEnds.find(([end]) => last.endsWith(end))?.[1];
  const what = last.slice(0, lengthWithout(last.slice(0, -'key'.length), '-_ '));
  if (/secret[-_ ]?access$/.test(what)) return 'AWS secret key';
  return keyNames.some((word) => what.endsWith(word)) ? 'API key' : undefined;
}

/** Without what ends a sentence or a name. By a loop: a pattern would try each of a long row of them. */
function lengthWithout(text: string, marks: string): number {
  let length = text.length;
  while (length > 0 && marks.includes(text[length - 1] ?? '')) length -= 1;
  return length;
}
