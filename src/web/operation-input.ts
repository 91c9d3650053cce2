/** Checks the body of a request against its operation and says in plain words what does not fit. */
import { CollabError } from '../base/errors.ts';
import { type OperationName, operations } from '../control/operations.ts';

type ParseError = NonNullable<ReturnType<(typeof operations)[OperationName]['safeParse']>['error']>;
type Issue = ParseError['issues'][number];

interface Fault {
  readonly path: readonly PropertyKey[];
  /** As in "must be …". */
  readonly expected: string;
  readonly message: string;
}

/** @throws INVALID_ARGUMENT whose details are `{ field, expected }`; `field` is empty when the body itself is meant. */
export function parseOperationInput(name: OperationName, body: unknown): unknown {
  const parsed = operations[name].safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const fault = issue === undefined ? other([], 'valid') : describeIssue(issue, [], body);
  const field = fault.path.map(String).join('.');
  throw new CollabError('INVALID_ARGUMENT', `${field || 'the request body'}: ${fault.message}`, {
    details: { field, expected: fault.expected },
  });
}

/** @param value what the issue's path starts from. */
function describeIssue(issue: Issue, above: readonly PropertyKey[], value: unknown): Fault {
  const path = [...above, ...issue.path];
  const given = issue.path.reduce(member, value);
  switch (issue.code) {
    case 'invalid_type': {
      const expected = issue.expected === 'int' ? 'a whole number' : withArticle(issue.expected);
      return given === undefined
        ? { path, expected, message: `is missing, must be ${expected}` }
        : other(path, expected);
    }
    case 'too_small':
    case 'too_big':
      return other(path, sizeLimit(issue));
    case 'invalid_value':
      return other(path, `one of ${issue.values.map(String).join(', ')}`);
    case 'unrecognized_keys':
      return {
        path: [...path, issue.keys[0] ?? ''],
        expected: 'absent',
        message: 'is not a field of this operation',
      };
    case 'invalid_union':
      return describeUnion(issue, path, given);
    default:
      return { path, expected: issue.message, message: issue.message };
  }
}

/** The alternative that got furthest is the one that was meant; when none took the value, all are named. */
function describeUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: readonly PropertyKey[],
  given: unknown,
): Fault {
  const firsts = issue.errors.flatMap((issues) => issues.slice(0, 1)) as readonly Issue[];
  const meant = firsts.find((first) => first.code !== 'invalid_type' || first.path.length > 0);
  if (meant !== undefined) return describeIssue(meant, path, given);
  const names = firsts.map((first) => describeIssue(first, [], given).expected);
  return names.length === 0 ? other(path, 'valid') : other(path, names.join(' or '));
}

function sizeLimit(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const bound = issue.code === 'too_small' ? 'at least' : 'at most';
  if (issue.origin === 'string') return `${bound} ${limit} character${Number(limit) === 1 ? '' : 's'} long`;
  if (issue.origin === 'array') return `a list of ${bound} ${limit}`;
  return `${bound} ${limit}`;
}

function other(path: readonly PropertyKey[], expected: string): Fault {
  return { path, expected, message: `must be ${expected}` };
}

function member(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function withArticle(noun: string): string {
  if (noun === 'null') return noun;
  if (noun === 'array') return 'a list';
  if (noun === 'object' || noun === 'record') return 'an object';
  return `a ${noun}`;
}
