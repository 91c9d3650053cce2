/** Makes src/cli/completion/setting-words.ts: the settings as a shell completes them, without the schema library that declares them. */
import { describeSettings } from '../../src/home/config.ts';

export const settingWordsFile = 'src/cli/completion/setting-words.ts';

export function settingWordsText(): string {
  const lines = describeSettings().map(({ key, type }) => {
    const name = /^\w+$/.test(key) ? key : `'${key}'`;
    const words = wordsOf(type).map((word) => `'${word}'`);
    return `  ${name}: [${words.join(', ')}],\n`;
  });
  return [
    '/** Every setting, with its values where these are words. Written by `npm run docs:tables` from home/config.ts, which loads a library. */\n',
    'export const settingWords = {\n',
    ...lines,
    '} as const satisfies Readonly<Record<string, readonly string[]>>;\n',
  ].join('');
}

/** Out of the description of a type: `open | closed`, `boolean`, `integer from 16, or null`. */
function wordsOf(type: string): readonly string[] {
  return type.split(', or ').flatMap((part) => {
    if (part === 'boolean') return ['true', 'false'];
    if (part === 'null') return ['null'];
    return part.includes(' | ') ? part.split(' | ') : [];
  });
}
