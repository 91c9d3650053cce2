/** Whether a value that somebody gives to a `password` or a `token` can be one, or is a name, a path or a place for one. */

/** Below this many bits a character a value of 16 is a word or a pattern; hexadecimal digits have four at most. */
const minBits = 3;
const minHexBits = 2.6;

/** More of a value tells nothing new about it. */
const maxJudgedChars = 512;

/** @param whole 16 characters or more, without white space. */
export function looksRandom(whole: string): boolean {
  const value = whole.slice(0, maxJudgedChars);
  if (bitsPerChar(value) < (isHex(value) ? minHexBits : minBits)) return false;
  if (isPlaceholder(value) || isKnownForm(value) || isPath(value) || isCode(value)) return false;
  if (/^\d+$/.test(value) || areWords(value)) return false;
  const inner = fromBase64(value);
  return inner === undefined || !areWords(inner);
}

/** `xxxx`, `<token>`, `${TOKEN}`, `your-api-key`: says that something belongs here, and is not it. */
export function isPlaceholder(whole: string): boolean {
  const value = whole.slice(0, maxJudgedChars);
  return (
    /^[xX*0._-]+$/.test(value) ||
    /[xX*]{6}|\.{3}|[<>]|\$[{(]|\{\{|^\{.*\}$/.test(value) ||
    /^(?:\$(?:[A-Z_][A-Z0-9_]*|[a-z][A-Za-z_]*)|%\w+%|%[sd])$/.test(value) ||
    /(?:^|[-_])(?:your|placeholder|change-?me|replace-?me|insert|redacted)(?:[-_]|$)/i.test(value)
  );
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Ids that are meant to be seen: a UUID, a peer id, the checksum of a package. */
function isKnownForm(value: string): boolean {
  return uuid.test(value) || value.startsWith('12D3KooW') || /^sha(?:1|256|384|512)-/.test(value);
}

/** By its beginning, its end or its small letters: base64 has slashes too, but rarely without capitals. */
function isPath(value: string): boolean {
  if (/^(?:\.{1,2}\/|~\/)|\.[a-z]{1,5}\d?$/i.test(value)) return true;
  return value.includes('/') && (!/[A-Z+=]/.test(value) || /^(?:\/[^/+=]{1,16}){3,}$/.test(value));
}

/** `process.env.TOKEN`, `config.auth.token2`: names joined by dots. */
function isCode(value: string): boolean {
  const parts = value.split('.');
  return parts.length > 1 && parts.every((part) => part.length <= 24 && /^[A-Za-z_$][\w$]*$/.test(part));
}

const word = /^(?:[A-Z]?[a-z]{1,15}|[A-Z]{1,15})(?:[A-Z][a-z]+)*\d{0,4}$/;

/** Words and short numbers, joined as names are: `refresh-token-v2`, `getAccessToken`. */
export function areWords(value: string): boolean {
  return value
    .slice(0, maxJudgedChars)
    .split(/[-_./@:=!, ]+/)
    .every((part) => part === '' || /^\d{1,4}$/.test(part) || word.test(part));
}

/** What base64 of plain text says; undefined when it says nothing that can be read. */
function fromBase64(value: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined;
  const text = Buffer.from(value, 'base64').toString('latin1');
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

function isHex(value: string): boolean {
  return /^[0-9a-f]+$/i.test(value);
}

/** Used by one call at a time. */
const counts = new Uint16Array(128);

/** Shannon's entropy of its characters; those outside of ASCII count as one. */
function bitsPerChar(value: string): number {
  counts.fill(0);
  for (let at = 0; at < value.length; at += 1) {
    const unit = Math.min(value.charCodeAt(at), 127);
    counts[unit] = (counts[unit] ?? 0) + 1;
  }
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}
