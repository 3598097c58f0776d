// Words to stems, so that "retries" finds "retried". Rough on purpose: question and text are stemmed alike, and a wrong stem
// that is wrong on both sides still matches.

/** Forms that no rule leads back, each line the base form first. */
const IRREGULAR =
  `begin began begun|break broke broken|bring brought|build built|buy bought|catch caught|choose chose chosen
child children|draw drew drawn|feed fed|feel felt|fight fought|find found|fly flew flown|freeze froze frozen|give gave given
go went gone|grow grew grown|hide hid hidden|hold held|keep kept|know knew known|lay laid|lead led|lose lost|make made|man men
meet met|pay paid|person people|ring rang rung|run ran|say said|see saw seen|sell sold|send sent|shut shuts|sing sang sung
sleep slept|speak spoke spoken|stand stood|steal stole stolen|take took taken|teach taught|tell told|think thought
throw threw thrown|wear wore worn|win won|woman women|write wrote written|foot feet|mouse mice|tooth teeth|leaf leaves|life lives`
    .split(/[|\n]/)
    .map((forms) => forms.trim().split(' '));

const BASE_FORM = new Map(IRREGULAR.flatMap(([base = '', ...forms]) => forms.map((form) => [form, base] as const)));
const FORMS_OF = new Map(IRREGULAR.map(([base = '', ...forms]) => [base, forms] as const));

const VOWEL = /[aeiouy]/;

/** @param word in lower case */
export function stem(word: string): string {
  const base = BASE_FORM.get(word);
  if (base !== undefined) return stem(base);
  if (word.length <= 3 || !/^[a-z]+$/.test(word)) return word;
  return withoutEnding(withoutInflection(withoutPlural(word)));
}

function withoutPlural(word: string): string {
  if (/[^aeiou]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/(ss|x|ch|sh|z)es$/.test(word)) return word.slice(0, -2);
  return /[^suai]s$/.test(word) ? word.slice(0, -1) : word;
}

function withoutInflection(word: string): string {
  if (/[^aeiou]ied$/.test(word)) return `${word.slice(0, -3)}y`;
  const bare = word.replace(/(ing|ed)$/, '');
  if (bare === word || bare.length < 3 || !VOWEL.test(bare)) return word;
  return /([b-df-hj-kmnp-rtv-y])\1$/.test(bare) ? bare.slice(0, -1) : bare;
}

/** Longest first, each with the letters that it must leave, or what is left would stand for too many words ("station" is no "state"). */
const ENDINGS: [string, number][] = [
  ['ations', 4],
  ['ation', 4],
  ['ness', 4],
  ['ment', 4],
  ['ator', 4],
  ['able', 4],
  ['ate', 4],
  ['ion', 5],
  ['ers', 4],
  ['er', 4],
  ['or', 4],
  ['ly', 4],
  ['al', 5],
  ['e', 4],
];

function withoutEnding(word: string): string {
  const ending = ENDINGS.find(([end, least]) => word.endsWith(end) && word.length - end.length >= least);
  // Until nothing comes off, so that "operates" and "operations" end alike.
  return ending === undefined ? word : withoutEnding(word.slice(0, -ending[0].length));
}

/** Words to look for as beginnings of words, which together find the forms of `word`. */
export function searchForms(word: string): string[] {
  const root = stem(word);
  const base = BASE_FORM.get(word) ?? word;
  const forms = [root.length >= 4 && base.startsWith(root) ? root : base, ...(FORMS_OF.get(base) ?? [])];
  // "retry" does not begin "retries".
  if (/[^aeiou]y$/.test(root)) forms.push(root, `${root.slice(0, -1)}ies`, `${root.slice(0, -1)}ied`);
  return [...new Set(forms)];
}

/** From 0 to 1: how far two stems are the same word. */
export function likeness(a: string, b: string): number {
  if (a === b) return 1;
  const shorter = Math.min(a.length, b.length);
  if (shorter < 5) return 0;
  let shared = 0;
  while (shared < shorter && a[shared] === b[shared]) shared += 1;
  return shared >= 5 && shared / Math.max(a.length, b.length) >= 0.65 ? 0.6 : 0;
}
