/** What a tool call is about to write, before anything is looked up on disk. */

/**
 * How much of what stands in a file the write takes for granted. `edit`: exact text or lines of it. `overwrite`: nothing is left of it.
 * `modify`: works on whatever is there. `append`: adds to it. `create`, `delete`.
 */
export type WriteKind = 'edit' | 'overwrite' | 'modify' | 'append' | 'create' | 'delete';

export interface WriteTarget {
  /** Absolute; a glob when `glob`. */
  readonly path: string;
  readonly kind: WriteKind;
  /** `*` and `?` in the path stand for names. */
  readonly glob?: true;
  /** When the path turns out to be a directory, the files of these names in it are meant, as with `mv a b dir`. */
  readonly into?: readonly string[];
  /** Where in the file, for kinds `edit` and `overwrite`. @default the whole file */
  readonly change?: TextChange;
}

/** What is known of the new text. Which lines it touches is found out against the text that stands there. */
export type TextChange =
  | { readonly kind: 'replace'; readonly edits: readonly TextReplacement[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'hunks'; readonly hunks: readonly PatchHunk[] };

export interface TextReplacement {
  readonly old: string;
  readonly new: string;
  readonly all: boolean;
}

/** One block of an apply_patch: lines that must stand there, in order, and which of them go. */
export interface PatchHunk {
  /** A line above the block that tells where to look, from the `@@` line. */
  readonly anchor?: string;
  readonly lines: readonly { readonly sign: ' ' | '-' | '+'; readonly text: string }[];
}

export interface ToolWrites {
  readonly targets: readonly WriteTarget[];
  /** What could not be read, each in a few words; such a call is allowed, and audited. */
  readonly unparsed: readonly string[];
}

export const noWrites: ToolWrites = { targets: [], unparsed: [] };
