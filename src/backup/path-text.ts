/**
 * File names are bytes; manifests are text. Names that are UTF-8, in whatever normalisation, stand as they are. Of others
 * each byte that is no UTF-8 becomes a lone surrogate U+DC80…U+DCFF, which no UTF-8 decodes to, so that every name comes
 * back byte for byte, through JSON too (PEP 383, "surrogateescape").
 */

type Decoder = InstanceType<typeof TextDecoder>;

const strict = (): Decoder => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const escapeBase = 0xdc00;
const longestCharacter = 4;

export function decodeName(bytes: Uint8Array): string {
  const decoder = strict();
  const whole = tryDecode(decoder, bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(decoder, bytes, at);
    text += character?.text ?? String.fromCharCode(escapeBase + (bytes[at] ?? 0));
    at += character?.length ?? 1;
  }
  return text;
}

export function encodeName(text: string): Buffer {
  if (!/[\udc80-\udcff]/.test(text)) return Buffer.from(text, 'utf8');
  // By code points: half of a pair is never taken for an escaped byte.
  const parts = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - escapeBase) : Buffer.from(character, 'utf8');
  });
  return Buffer.concat(parts);
}

/** The bytes of `path` below `root`, both as `decodeName` gives them: what the file system is asked for. */
export function bytesOf(root: string, path: string): Buffer {
  return path === ''
    ? encodeName(root)
    : Buffer.concat([encodeName(root), Buffer.of(0x2f), encodeName(path)]);
}

function characterAt(
  decoder: Decoder,
  bytes: Uint8Array,
  at: number,
): { readonly text: string; readonly length: number } | undefined {
  for (let length = 1; length <= longestCharacter && at + length <= bytes.length; length++) {
    const text = tryDecode(decoder, bytes.subarray(at, at + length));
    if (text !== undefined) return { text, length };
  }
  return undefined;
}

function tryDecode(decoder: Decoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
