import type { ProjectFile, Rule, Violation } from './source-file.ts';

/** This folder describes what is forbidden, in its patterns and samples. */
const ownFolder = 'test/tidy/';
const machinePath = /(?<![\w.~)}\]/-])\/(?:(?:root|work)\/|(?:home|Users)\/[a-z]|tmp\/[\w.-])/g;
const registryHost = /\b(?:registry\.[a-z0-9.-]+\.[a-z]{2,}|npm\.pkg\.github\.com|artifactory\b)/g;

/** What is true of one machine only does not belong into a text that all machines read. */
export const noMachineInText: Rule = (files) =>
  files
    .filter((file) => !file.path.startsWith(ownFolder))
    .flatMap((file) => [
      ...findings(file, machinePath, 'a path of one machine'),
      ...findings(file, registryHost, 'a registry host'),
    ]);

function findings(file: ProjectFile, pattern: RegExp, what: string): readonly Violation[] {
  return [...file.text.matchAll(pattern)].map((match) =>
    file.violation(match.index, `${what}: ${restOfWord(file.text, match.index)}`),
  );
}

function restOfWord(text: string, start: number): string {
  return /^[^\s'"`)<>]{1,60}/.exec(text.slice(start, start + 60))?.[0] ?? '';
}

/** A lock file with addresses would send every user to the mirror of whoever wrote it. */
export const lockFileNamesNoHost: Rule = (files) =>
  files
    .filter((file) => file.path === 'package-lock.json')
    .flatMap((file) =>
      [...file.text.matchAll(/"resolved": "(?:https?|git)[^"]*"/g)].map((match) =>
        file.violation(match.index, `an address: ${match[0]} (npm config omit-lockfile-registry-resolved)`),
      ),
    );

/** A relative link of a document leads to a file, and its anchor to a heading. */
export const linksLeadSomewhere: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const folders = new Set(files.flatMap((file) => foldersAbove(file.path)));
  return files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) =>
      linksOf(file).flatMap(({ target, start }): readonly Violation[] => {
        const [path = '', anchor] = target.split('#');
        const full = path === '' ? file.path : joined(file.path, decodeURIComponent(path));
        if (!byPath.has(full) && !folders.has(full))
          return [file.violation(start, `a link to ${target}, which does not exist`)];
        const document = byPath.get(full);
        if (anchor === undefined || document?.path.endsWith('.md') !== true) return [];
        return headingsOf(document).has(anchor)
          ? []
          : [file.violation(start, `a link to ${target}: ${full} has no such heading`)];
      }),
    );
};

function linksOf(file: ProjectFile): readonly { readonly target: string; readonly start: number }[] {
  // Code is blanked, not cut out, so that the lines stay right.
  const text = withoutCode(file.text);
  return [...text.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm)]
    .map((match) => ({ target: match[1] ?? match[2] ?? '', start: match.index }))
    .filter(({ target }) => !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target));
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```|`[^`\n]*`/gm, (code) => code.replace(/[^\n]/g, ' '));
}

function foldersAbove(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
}

function joined(from: string, relative: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of relative.replace(/\/$/, '').split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Anchors as GitHub makes them: lower case, punctuation dropped, spaces to hyphens. */
function headingsOf(file: ProjectFile): ReadonlySet<string> {
  const headings = file.text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm);
  return new Set(
    [...headings].map((match) =>
      (match[1] ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  );
}
