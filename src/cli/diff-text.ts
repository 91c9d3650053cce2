import { lineHunks, splitLines } from '../hook/line-diff.ts';
import { printable, type Screen } from './screen.ts';

/** Lines of context around a change. */
const around = 2;

/** What a file would become, hunk by hunk. @param secret is not shown. */
export function diffText(
  { path, before, after }: { readonly path: string; readonly before: string; readonly after: string },
  secret: string | undefined,
  screen: Screen,
): string {
  const hunks = lineHunks(before, after);
  if (hunks.length === 0) return '';
  const [old, next] = [splitLines(before), splitLines(after)];
  const show = (text: string) => printable(secret === undefined ? text : text.replaceAll(secret, '…'));
  const lines = [screen.paint('bold', `--- ${printable(path)}`)];
  let shift = 0;
  for (const { startLine, removedLines, addedLines } of hunks) {
    const at = startLine - 1;
    lines.push(screen.paint('cyan', `@@ line ${startLine} @@`));
    for (const text of old.slice(Math.max(0, at - around), at)) lines.push(`  ${show(text)}`);
    for (const text of old.slice(at, at + removedLines)) lines.push(screen.paint('red', `- ${show(text)}`));
    for (const text of next.slice(at + shift, at + shift + addedLines))
      lines.push(screen.paint('green', `+ ${show(text)}`));
    for (const text of old.slice(at + removedLines, at + removedLines + around))
      lines.push(`  ${show(text)}`);
    shift += addedLines - removedLines;
  }
  return `${lines.join('\n')}\n`;
}
