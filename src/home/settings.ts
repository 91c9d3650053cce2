import { closestKey } from '../base/closest-key.ts';
import { parseDurationMs } from '../base/duration.ts';
import { CollabError } from '../base/errors.ts';
import {
  configIssues,
  describeSettings,
  invalidConfig,
  resolveConfig,
  sectionNames,
  settingKeys,
  shown,
  suggestion,
  valueAt,
} from './config.ts';
import type { JsonDocument } from './json-document.ts';

/** Named in messages where no file is at hand. */
const source = 'config.json';

export interface SettingReading {
  readonly value: unknown;
  /** `unknown`: it stands in the file and means nothing. */
  readonly from: 'file' | 'default' | 'unknown';
}

/**
 * What a dotted key amounts to in the document: a setting, a whole section with its defaults, or an unknown key.
 *
 * @throws CONFIG_INVALID when there is no such key, or the document is not valid.
 */
export function getSetting(raw: JsonDocument, key: string): SettingReading {
  const inFile = valueAt(raw, key);
  if (!settingKeys.includes(key) && !sectionNames.includes(key)) {
    if (inFile === undefined) throw unknownSetting(key);
    return { value: inFile, from: 'unknown' };
  }
  const value = valueAt(resolveConfig(raw, source).config, key);
  return { value, from: inFile === undefined ? 'default' : 'file' };
}

/**
 * A copy of the document with one setting changed; every other key stays, in its place. `text` is JSON or a bare
 * word; a setting in ms also takes `90s`, `2m`, `1h`, one in bytes `512MiB`, `64GiB`.
 *
 * @throws CONFIG_INVALID when the key is no setting, the value does not fit it, or the result is not valid.
 */
export function setSetting(raw: JsonDocument, key: string, text: string): JsonDocument {
  if (sectionNames.includes(key)) {
    const within = settingKeys.filter((it) => it.startsWith(`${key}.`));
    throw new CollabError('CONFIG_INVALID', `${key} is a section, not a setting`, {
      next: `Set one of ${within.join(', ')}.`,
      details: { key },
    });
  }
  if (!settingKeys.includes(key)) throw unknownSetting(key);
  const changed = withValue(raw, key.split('.'), parseValue(key, text));
  const issues = configIssues(changed);
  // The key at hand first: that is what its writer wants to hear about.
  const ordered = [...issues.filter((it) => it.key === key), ...issues.filter((it) => it.key !== key)];
  if (ordered.length > 0) throw rejectedValue(key, ordered);
  return changed;
}

/**
 * A copy of the document without the key, so that its default holds; also takes a section or an unknown key out. What
 * else is wrong with the document does not matter: this is the way to repair it.
 *
 * @throws CONFIG_INVALID when the key is neither a setting nor in the document.
 */
export function resetSetting(raw: JsonDocument, key: string): JsonDocument {
  if (valueAt(raw, key) !== undefined) return without(raw, key.split('.'));
  if (!settingKeys.includes(key) && !sectionNames.includes(key)) throw unknownSetting(key);
  return raw;
}

function parseValue(key: string, text: string): unknown {
  const trimmed = text.trim();
  const bytes = /^(\d+)\s*(KiB|MiB|GiB|TiB)$/i.exec(trimmed);
  if (key.endsWith('Bytes') && bytes) {
    return (
      Number(bytes[1]) * 1024 ** (['kib', 'mib', 'gib', 'tib'].indexOf((bytes[2] ?? '').toLowerCase()) + 1)
    );
  }
  // With a unit only: a bare number is in the unit that the name of the setting ends in.
  if (key.endsWith('Ms') && /^\d+(\.\d+)?[a-z]+$/.test(trimmed)) return durationOrText(trimmed);
  try {
    return JSON.parse(trimmed) as unknown;
  } catch {
    return trimmed; // a bare word is a string
  }
}

/** What is no duration stays text, which the check of the setting's type then refuses by name. */
function durationOrText(text: string): unknown {
  try {
    return parseDurationMs(text);
  } catch {
    return text;
  }
}

function withValue(raw: JsonDocument, [name = '', ...rest]: readonly string[], value: unknown): JsonDocument {
  if (rest.length === 0) return { ...raw, [name]: value };
  const inner = Object.hasOwn(raw, name) ? raw[name] : {};
  // A section that is no object is an issue of its own, which must not be papered over here.
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return raw;
  return { ...raw, [name]: withValue(inner as JsonDocument, rest, value) };
}

function without(raw: JsonDocument, [name = '', ...rest]: readonly string[]): JsonDocument {
  if (rest.length > 0) return { ...raw, [name]: without(raw[name] as JsonDocument, rest) };
  return Object.fromEntries(Object.entries(raw).filter(([key]) => key !== name));
}

function rejectedValue(key: string, issues: readonly { key: string; expected: string; found: string }[]) {
  const [first] = issues;
  if (first?.key !== key) return invalidConfig(source, issues);
  const range = describeSettings().find((it) => it.key === key)?.type;
  const words = range?.includes(' | ') ? range.split(' | ') : [];
  const close = closestKey(first.found.replaceAll('"', ''), words);
  const meant = close === undefined ? '' : `Did you mean ${close}? `;
  return new CollabError('CONFIG_INVALID', `${key} must be ${first.expected}, not ${first.found}`, {
    next: `${meant}Give it a value that fits: ${range}.`,
    details: { key, expected: first.expected, found: first.found, issues },
  });
}

function unknownSetting(key: string): CollabError {
  return new CollabError('CONFIG_INVALID', `there is no setting ${shown(key)}${suggestion(key)}`, {
    next: 'List the settings with: agent-collab config show',
    details: { key: key.slice(0, 200) },
  });
}
