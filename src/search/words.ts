import { stemmer } from 'stemmer';

/** Words that stand in every text and tell nothing about it. */
const commonWords: ReadonlySet<string> = new Set(
  'a an and are as at be but by can do for from has have if in into is it its of on or so than that the their then there these they this to was we were which will with you your'.split(
    ' ',
  ),
);

/** The words of a text that tell something, in lower case; `parseToken` is also `parse` and `token`. */
export function wordsOf(text: string): readonly string[] {
  const words = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  return words.flatMap((word) => {
    const parts = word.split(/_|(?<=[\p{Ll}\p{N}])(?=\p{Lu})/u).filter((part) => part !== '');
    const all = parts.length > 1 ? [word, ...parts] : [word];
    return all.map((one) => one.toLowerCase()).filter((one) => one.length > 1 && !commonWords.has(one));
  });
}

/** The stem of an English word (Porter 1980): `locking`, `locks` and `locked` have one; what is no such word stays itself. */
export function stemOf(word: string): string {
  return stemmer(word);
}
