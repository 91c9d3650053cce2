/** What a sentence says, as far as its words tell: what it is about, what it turns down, and its numbers. */
import { meaningOf } from './alternatives.ts';
import { stemOf, wordsOf } from './words.ts';

export interface Quantity {
  /** In the least unit of its kind: ms, bytes, or the thing that is counted. */
  readonly value: number;
  /** `ms`, `bytes`, `%`, or the meaning of the word behind the number. */
  readonly unit: string;
}

export interface Statement {
  /** What it speaks of, but for words that say nothing by themselves. */
  readonly about: ReadonlySet<string>;
  /** Of these what it says is so, or is to be. */
  readonly affirmed: ReadonlySet<string>;
  /** And what it says is not, or is not to be. */
  readonly denied: ReadonlySet<string>;
  /** The same by clause. */
  readonly denials: readonly ReadonlySet<string>[];
  /** What it does without, in so many words. */
  readonly omitted: ReadonlySet<string>;
  readonly quantities: readonly Quantity[];
  /** Files and addresses that it names. */
  readonly places: readonly string[];
  /** It names the only place, way or time that is right. */
  readonly isExclusive: boolean;
  /** It says how things have to be. */
  readonly isRule: boolean;
  /** Its numbers are the most, or the least, that may be. */
  readonly bound: 'most' | 'least' | undefined;
}

/** What follows one of these, up to the end of its clause, is turned down. */
const deniesClause =
  /\b(?:(?:do|does|did|must|may|should|shall|will|would|can|could|is|are|was|were) not|[a-z]+n't|cannot|not|never|no longer|nobody|nothing|none|avoid\w*)\b/giu;
/** And of one of these the next few words. */
const deniesNoun =
  /\b(?:no|without|instead of|rather than|against|skip\w*|bypass\w*|omit\w*|ignor\w+|neither|nor|except|unlike|strip(?:s|ping)?|replac(?:e|es|ing)|(?<![-_])(?:remov|delet)(?:e|es|ing)|drop(?:s|ping)?|get\w* rid of|filter\w* out|mask\w*|redact\w*|(?:away|switch\w*|migrat\w+|mov\w+) from)\b/giu;
const nounWords = 2;
/** What stands before one of these, from the beginning of its clause, is turned down. */
const deniesBefore =
  /\b(?:(?:is|are|was|were|gets?|be|been) )?(?:banned|forbidden|deprecated|refused|rejected|disallowed|prohibited|left out|off limits)\b/giu;
/** What a plan does without. */
const omits =
  /\b(?:without|skip\w*|bypass\w*|omit\w*|ignor\w+|leav\w+ out|disabl\w+|turn\w* off|switch\w* off)\b/giu;
/** An address, a path, or a file with its ending. */
const placeForm = /\b\d{1,3}(?:\.\d{1,3}){3}\b|[\w@.-]*\/[\w@./-]*\w|\b[\w-]+\.(?:[a-z]{2,4})\b/gu;
const clauseEnd =
  /[,;:.!?()](?=\s|$)|\b(?:but|because|since|so that|so|and then|which|that|as|while|when|if|unless|until)\b/giu;

/** Words of plans and of prose, which two texts share by chance. */
const emptyWords: ReadonlySet<string> = new Set(
  'new now also add change use make want need let get go plan will would should could must may might only any all every each one two other same own here there where when how why what who my our me us them he she him her its more most less very just still already about after before through from into over under out up down off per such within no not never without instead rather against than ms second seconds minute minutes hour hours day days week weeks byte bytes percent'
    .split(' ')
    .map(stemOf),
);

const times: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_592_000_000,
  year: 31_536_000_000,
};
const sizes: Readonly<Record<string, number>> = {
  byte: 1,
  kb: 1000,
  kib: 1024,
  mb: 1e6,
  mib: 1024 ** 2,
  gb: 1e9,
  gib: 1024 ** 3,
};
const spelled: Readonly<Record<string, string>> = {
  one: '1',
  two: '2',
  three: '3',
  four: '4',
  five: '5',
  six: '6',
  seven: '7',
  eight: '8',
  nine: '9',
  ten: '10',
  twelve: '12',
  fifteen: '15',
  twenty: '20',
  thirty: '30',
  sixty: '60',
  hundred: '100',
  thousand: '1000',
};

export function readStatement(text: string): Statement {
  const spans = deniedSpans(text);
  const affirmed = meaningsOf(outside(text, spans));
  // What is turned down and said in one sentence is told apart by nothing here.
  const denials = spans.map(
    ([from, to]) =>
      new Set([...meaningsOf(text.slice(from, to))].filter((meaning) => !affirmed.has(meaning))),
  );
  const omitted = [
    ...[...text.matchAll(omits)].map(({ index, 0: cue }) => nextWords(text, index + cue.length)),
    ...spansBefore(text).map(([from, to]) => text.slice(from, to)),
  ];
  return {
    about: meaningsOf(text),
    affirmed,
    denied: new Set(denials.flatMap((denial) => [...denial])),
    denials,
    omitted: new Set(omitted.flatMap((part) => [...meaningsOf(part)])),
    quantities: quantitiesOf(text),
    places: text.match(placeForm) ?? [],
    isExclusive: /\b(?:only|always|must|nowhere else|exclusively)\b/iu.test(text),
    isRule:
      /\b(?:must|has to|have to|always|every|each|requires?|required|needs?|stays?|keeps?|kept)\b/iu.test(
        text,
      ),
    bound: boundOf(text),
  };
}

function meaningsOf(text: string): ReadonlySet<string> {
  return new Set(
    wordsOf(text)
      .filter((word) => !/^\d+$/u.test(word) && !emptyWords.has(stemOf(word)))
      .map(meaningOf),
  );
}

type Span = readonly [from: number, to: number];

function deniedSpans(text: string): readonly Span[] {
  const ends = [...text.matchAll(clauseEnd)].map(({ index }) => index);
  const endAfter = (from: number) => ends.find((end) => end > from) ?? text.length;
  const spans: Span[] = [];
  for (const { index, 0: cue } of text.matchAll(deniesClause))
    spans.push([index, endAfter(index + cue.length)]);
  for (const { index, 0: cue } of text.matchAll(deniesNoun)) {
    const from = index + cue.length;
    // What may not be left out is to be there.
    if (spans.some(([start, end]) => start <= index && index < end)) continue;
    // The cue itself may be what another statement turns down.
    spans.push([from, Math.min(endAfter(from), from + nextWords(text, from).length)]);
  }
  return [...spans, ...spansBefore(text)];
}

function spansBefore(text: string): readonly Span[] {
  const ends = [...text.matchAll(clauseEnd)].map(({ index }) => index);
  return [...text.matchAll(deniesBefore)].map(({ index }) => [
    ends.findLast((end) => end < index) ?? 0,
    index,
  ]);
}

/** The text that follows, up to a few words that say something. */
function nextWords(text: string, from: number): string {
  let count = 0;
  for (const { index, 0: word } of text.slice(from).matchAll(/[\p{L}\p{N}_]+/gu)) {
    if (meaningsOf(word).size === 0) continue;
    count += 1;
    if (count === nounWords) return text.slice(from, from + index + word.length);
  }
  return text.slice(from);
}

function outside(text: string, spans: readonly Span[]): string {
  const letters = [...text.split('')];
  for (const [from, to] of spans) letters.fill(' ', from, to);
  return letters.join('');
}

function boundOf(text: string): Statement['bound'] {
  if (
    /\b(?:at most|under|below|up to|no more than|within|max(?:imum)?|limit(?:ed)?|may have|stay under|less than)\b/iu.test(
      text,
    )
  )
    return 'most';
  if (/\b(?:at least|min(?:imum)?|no less than|more than|above|over)\b/iu.test(text)) return 'least';
  return undefined;
}

function quantitiesOf(text: string): readonly Quantity[] {
  const digits = text
    .replace(/\ban? (?=(?:second|minute|hour|day|week|month|year)\b)/giu, '1 ')
    .replace(/\b[a-z]+\b/giu, (word) => spelled[word.toLowerCase()] ?? word);
  return [...digits.matchAll(/(?<![\w.])(\d[\d_ ]*(?:\.\d+)?)\s*(%|[\p{L}]+)?/gu)].flatMap(
    ({ 1: number = '', 2: word = '' }) => {
      const value = Number(number.replace(/[_ ]/gu, ''));
      const unit = word.toLowerCase().replace(/(?<=..)s$/u, '');
      if (!Number.isFinite(value) || unit === '') return [];
      if (unit === '%' || unit === 'percent') return [{ value, unit: '%' }];
      const time = times[unit];
      if (time !== undefined) return [{ value: value * time, unit: 'ms' }];
      const size = sizes[unit];
      if (size !== undefined) return [{ value: value * size, unit: 'bytes' }];
      return [{ value, unit: meaningOf(unit) }];
    },
  );
}
