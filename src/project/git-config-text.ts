/**
 * Reads one value out of the text of a git configuration file, for when git itself is missing or refuses. Follows
 * git-config(1) on sections, comments, quotes, escapes and continued lines; includes are not followed. Lenient:
 * what it cannot read it skips, it never throws.
 */
export function readGitConfigValue(
  text: string,
  section: string,
  subsection: string,
  name: string,
): string | undefined {
  let inside = false;
  for (const line of logicalLines(text)) {
    const header = /^\s*\[\s*([A-Za-z0-9.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (header) {
      inside = header[1]?.toLowerCase() === section && header[2]?.replace(/\\(.)/g, '$1') === subsection;
    }
    const rest = header ? line.slice(header[0].length) : line;
    const assignment = inside ? /^\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*/.exec(rest) : null;
    // The first value counts: it is the one that `git fetch` uses when there are several.
    if (assignment?.[1]?.toLowerCase() === name) return configValue(rest.slice(assignment[0].length));
  }
  return undefined;
}

/** Lines with those joined that end in a backslash. Only an odd number of backslashes continues a line. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let open = '';
  for (const line of text.split(/\r?\n/)) {
    const trailing = /\\+$/.exec(line)?.[0].length ?? 0;
    if (trailing % 2 === 1) {
      open += line.slice(0, -1);
      continue;
    }
    lines.push(open + line);
    open = '';
  }
  lines.push(open);
  return lines;
}

/** A value without quotes, escapes, a trailing comment and the blanks around it. */
function configValue(source: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b' };
  let value = '';
  let kept = 0; // length up to which blanks are part of the value
  let quoted = false;
  for (let i = 0; i < source.length; i++) {
    const char = source.charAt(i);
    if (char === '"') {
      quoted = !quoted;
      kept = value.length;
    } else if (char === '\\') {
      i++;
      const escaped = source.charAt(i);
      value += escapes[escaped] ?? escaped;
      kept = value.length;
    } else if (!quoted && (char === '#' || char === ';')) {
      break;
    } else {
      value += char;
      if (quoted || !/\s/.test(char)) kept = value.length;
    }
  }
  return value.slice(0, kept);
}
