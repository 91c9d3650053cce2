import { CollabError } from '../base/errors.ts';

/** A target before its path is normalised. `scope` has the raw form that lock/ parses and checks. */
export interface RawTarget {
  readonly path: string;
  readonly scope: Readonly<Record<string, unknown>>;
}

const symbolKinds = ['function', 'class', 'method', 'module'];

/**
 * A target as people write it: `src/a.ts`, `src/a.ts:10-20`, `src/a.ts:10` (one line), `src/a.ts:10-` (to the end),
 * `src/a.ts#login` (a function), `src/a.ts#class:User`. Numbers are not checked here.
 * A file whose own name ends like that is named by parts instead of by text.
 * @throws INVALID_ARGUMENT for a suffix that looks like lines or a symbol and is none.
 */
export function parseTargetText(text: string): RawTarget {
  const hash = text.lastIndexOf('#');
  if (hash > 0 && !text.slice(hash).includes('/'))
    return symbolTarget(text.slice(0, hash), text.slice(hash + 1));
  const colon = text.lastIndexOf(':');
  const suffix = colon > 0 ? text.slice(colon + 1) : '';
  const lines = /^(-?\d+)(?:(-)(-?\d+)?)?$/.exec(suffix);
  if (lines) {
    const start = Number(lines[1]);
    const end = lines[2] === undefined ? start : lines[3] === undefined ? -1 : Number(lines[3]);
    return { path: text.slice(0, colon), scope: { kind: 'lines', start, end } };
  }
  if (/^(\d|[\w.+-]*-|nan|inf)/i.test(suffix) && !suffix.includes('/')) {
    throw new CollabError('INVALID_ARGUMENT', `"${suffix.slice(0, 40)}" is not a line range`, {
      next: 'Write path:10-20, path:10 or path:10- with whole numbers from 1.',
      details: { field: 'targets' },
    });
  }
  return { path: text, scope: { kind: 'file' } };
}

function symbolTarget(path: string, symbol: string): RawTarget {
  const colon = symbol.indexOf(':');
  const kind = colon < 0 ? 'function' : symbol.slice(0, colon);
  const name = colon < 0 ? symbol : symbol.slice(colon + 1);
  if (!symbolKinds.includes(kind) || name === '') {
    throw new CollabError('INVALID_ARGUMENT', `"#${symbol.slice(0, 40)}" is not a symbol`, {
      next: `Write path#name or path#kind:name, the kind one of ${symbolKinds.join(', ')}.`,
      details: { field: 'targets' },
    });
  }
  return { path, scope: { kind: 'symbol', symbol: kind, name } };
}

/** A target given in parts, as an object of the control API. */
export function rawTarget(parts: {
  readonly path: string;
  readonly start_line?: number | undefined;
  readonly end_line?: number | undefined;
  readonly symbol?: { readonly kind: string; readonly name: string } | undefined;
}): RawTarget {
  const { path, start_line: start, end_line: end, symbol } = parts;
  const hasLines = start !== undefined || end !== undefined;
  if (symbol !== undefined && hasLines) {
    throw new CollabError('INVALID_ARGUMENT', 'a target is lines or a symbol, not both', {
      next: 'Make two targets of it.',
      details: { field: 'targets' },
    });
  }
  if (symbol !== undefined)
    return { path, scope: { kind: 'symbol', symbol: symbol.kind, name: symbol.name } };
  return hasLines
    ? { path, scope: { kind: 'lines', start: start ?? 1, end: end ?? -1 } }
    : { path, scope: { kind: 'file' } };
}
