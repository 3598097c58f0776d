// What a question asks for: its telling words, the names in it, and the kind of answer it wants.
import { searchForms, stem } from './stem';
import { synonyms } from './synonyms';

export interface Term {
  /** As in the question, in lower case. */
  word: string;
  stem: string;
  /** Stems of words that mean much the same. */
  similar: string[];
  /** The search for it and its like: beginnings of words. */
  search: string;
}

export interface Question {
  text: string;
  terms: Term[];
  /** Quoted phrases and names such as `retryPolicy` or `agent.ts`, to be found as they stand. */
  phrases: string[];
  /** What a line holds that answers this kind of question. */
  cue: RegExp | undefined;
}

const STOP_WORDS = new Set(
  (
    'a about above after again all also am an and any are as at be because been before being below between both but by can could ' +
    'did do does doing done down during each else ever every few for from further get gets give given go goes got had has have ' +
    'having he her here hers him his how i if in into is it its itself just let like long many may me might more most much must ' +
    'my need no nor not now of off often on once one only or other our ours out over own please same shall she should so some ' +
    'such tell than that the their theirs them then there these they this those through to too under until up upon us very was we ' +
    'were what when where whether which while who whom whose why will with within would you your s t re ve ll d don doesn didn ' +
    'isn aren wasn weren there explain describe show find say says mean means kind sort thing things use used using exactly happen happens ' +
    'take takes taken took times look looks'
  ).split(' '),
);

/** "What is this project about?" asks for the whole, not for lines with the word "project". */
const WHOLE = new Set([
  'project',
  'repo',
  'repository',
  'folder',
  'directory',
  'codebase',
  'code',
  'files',
  'purpose',
  'overview',
  'summary',
]);

/** "How old", "how far": the adjective says what is measured, and a line with the measure may name it otherwise. */
const NUMBER =
  /\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|half|none)\b/i;
const CUES: [RegExp, RegExp][] = [
  [
    /\bhow (often|frequently|regularly)\b|\bwhat interval\b/i,
    /\b(every|each|daily|weekly|monthly|yearly|annually|hourly|nightly|quarterly|once|twice|times|per|seldom|always|never)\b/i,
  ],
  [
    /\bhow (many|much|long|far|deep|tall|old|big|high|wide|fast|large|heavy|late|early|thick|hot|cold|quickly)\b|\bwhat (number|percentage|price|size|length|weight|depth|temperature|limit|maximum|minimum)\b/i,
    NUMBER,
  ],
  [
    /\bwhen\b|\bwhat (time|day|date|year|month|season|hour)\b|\b(which|in which) (day|year|month|season|week)\b/i,
    /\d|\b((mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|november|december|morning|noon|midday|midnight|evening|night|dawn|dusk|sunrise|sunset|spring|summer|autumn|fall|winter|before|after|until|since|during|once|whenever)\b/i,
  ],
  [/\bwho(m|se)?\b/i, /\p{Lu}\p{Ll}+\s+\p{Lu}\p{Ll}+|\bby (the|a|\p{Lu})/u],
  [
    /\bwhy\b|\bfor what reason\b/i,
    /\b(because|since|so that|in order to|due to|reason|therefore|otherwise|prevents?|avoids?|lest|or else)\b/i,
  ],
  [
    /\bwhere\b/i,
    /\b((in|at|on|to) (the|a|an)|under|near|behind|beside|between|inside|below|above|beneath|opposite|next to|north|south|east|west)\b/i,
  ],
];

/** Beyond this a question is a text, and its first and rarest words say what it is about. */
const MAX_TERMS = 10;

export function parseQuestion(text: string): Question {
  const phrases = [...text.matchAll(/["“`«]([^"”`»]{2,100})["”`»]|(?<=\s|^)'([^']{2,100})'(?=[\s?.,!]|$)/g)].map(
    (match) => (match[1] ?? match[2] ?? '').trim(),
  );
  for (const [name] of text.matchAll(/[\p{L}\p{N}_$][\p{L}\p{N}_$./-]*[\p{L}\p{N}_$]/gu)) {
    if (isName(name) && !phrases.includes(name)) phrases.push(name);
  }
  const terms: Term[] = [];
  const words = wordsOf(text);
  const aboutTheWhole = words.every((word) => STOP_WORDS.has(word) || WHOLE.has(word));
  const telling = (aboutTheWhole ? [] : words).filter(
    (word) => !STOP_WORDS.has(word) && (word.length > 1 || /\p{N}|\p{Lo}/u.test(word)),
  );
  for (const word of telling) {
    if (terms.length < MAX_TERMS && !terms.some((term) => term.stem === stem(word))) terms.push(termOf(word));
  }
  return { text, terms, phrases: phrases.filter((phrase) => /\S/.test(phrase)), cue: cueOf(text) };
}

/** `camelCase`, `snake_case`, `file.ts`, `some/path`: written as it is on purpose. */
const isName = (word: string): boolean =>
  /\p{Ll}\p{Lu}|[_$/]|\p{L}\.\p{L}/u.test(word) && !/^\p{L}\.\p{L}\.?$/u.test(word);

/** What `search_text` of the analyst takes, in characters. */
const MAX_QUERY_CHARS = 200;

/** As many of the words as one search takes, each once. */
export const joined = (words: readonly string[]): string =>
  [...new Set(words)].reduce(
    (query, word) => (query.length + 1 + word.length > MAX_QUERY_CHARS ? query : `${query} ${word}`.trim()),
    '',
  );

const termOf = (word: string): Term => {
  const others = synonyms(word);
  return {
    word,
    stem: stem(word),
    similar: [...new Set(others.map(stem))],
    search: joined([word, ...others].flatMap(searchForms)),
  };
};

const cueOf = (text: string): RegExp | undefined => CUES.find(([asks]) => asks.test(text))?.[1];

export const SCRIPT_WITHOUT_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/** Words in lower case without accents; identifiers taken apart; scripts without spaces by pairs of characters. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [run] of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    if (SCRIPT_WITHOUT_SPACES.test(run)) words.push(...pairsOf(run));
    else {
      for (const part of run.split(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u)) {
        words.push(
          part
            .normalize('NFKD')
            .replace(/\p{M}+/gu, '')
            .toLowerCase(),
        );
      }
    }
  }
  return words;
}

function pairsOf(run: string): string[] {
  const chars = [...run];
  return chars.length < 2 ? chars : chars.slice(1).map((char, at) => `${chars[at] ?? ''}${char}`);
}
