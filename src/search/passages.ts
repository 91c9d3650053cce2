/** A model that reads a few sentences blurs what is longer: a long context has a vector for each of its parts. */

/** About as much as the offline encoder reads, 128 pieces of words. */
const maxChars = 450;
/** Of one context: what it is about shows in its beginning. */
const maxPassages = 6;

/** Of the way in which texts are cut: vectors made in another way are made again. */
export const passageVersion = 1;

/** The text in pieces of whole sentences, as few as hold it; a sentence that is too long is cut. */
export function passagesOf(text: string): readonly string[] {
  const passages: string[] = [];
  for (const sentence of sentencesOf(text)) {
    const last = passages.at(-1);
    if (last !== undefined && last.length + sentence.length < maxChars)
      passages[passages.length - 1] = `${last} ${sentence}`;
    else if (passages.length === maxPassages) break;
    else passages.push(sentence.slice(0, maxChars));
  }
  return passages;
}

/** Sentences and lines, without what is blank. */
export function sentencesOf(text: string): readonly string[] {
  return text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}
