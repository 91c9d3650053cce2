/** Longer than anything that the page has room for; what is cut here is whole in the command line. */
const maxChars = 2000;

/**
 * Text from an agent or a file, made safe to show on one line: control characters become their picture (␛), and those
 * that turn the direction of what follows, with which a path can pass for another one, a �.
 */
export function visibleText(text: string): string {
  const line = text
    .slice(0, maxChars)
    .replace(/[\r\n\t]+/g, ' ')
    .replace(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (char) => {
      const code = char.codePointAt(0) ?? 0;
      return code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? '␡' : '�';
    })
    .trim();
  return text.length > maxChars ? `${line}…` : line;
}

/** No longer than `limit`, for a place that has a fixed room. */
export function cutText(text: string, limit: number): string {
  const chars = [...visibleText(text)];
  return chars.length > limit ? `${chars.slice(0, limit - 1).join('')}…` : chars.join('');
}
