// Folders of text with questions about them, made from a seed: every fact stands on one known line, beside others that differ in one word.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface AskedFact {
  question: string;
  /** Relative to the folder. */
  path: string;
  line: number;
}

type Kind = 'txt' | 'md' | 'ts' | 'py';
interface Template {
  kind: Kind;
  /** One line; `{name}`, `{n}`, `{person}`, `{hour}`, `{year}`, `{season}` are filled in. */
  fact: string;
  question: string;
}

const TEMPLATES: Template[] = [
  {
    kind: 'txt',
    fact: 'The {name} basin is dredged every {n} years in {season}.',
    question: 'How often is the {name} basin dredged?',
  },
  {
    kind: 'txt',
    fact: '{person} founded the {name} bakery in {year} with a borrowed oven.',
    question: 'Who started the {name} bakery?',
  },
  {
    kind: 'txt',
    fact: 'Tickets for the {name} ferry cost {n} crowns, and children ride free.',
    question: 'What is the price of a ticket for the {name} ferry?',
  },
  {
    kind: 'txt',
    fact: 'The {name} observatory closes at {hour} on weekdays.',
    question: 'When does the {name} observatory shut?',
  },
  {
    kind: 'ts',
    fact: 'export const {camel}MaxAttempts = {n};',
    question: 'How many times does the {name} client retry?',
  },
  {
    kind: 'py',
    fact: '# The {name} parser gives up after {n} malformed rows.',
    question: 'After how many malformed rows does the {name} parser give up?',
  },
  {
    kind: 'md',
    fact: '- Responsible for the {name} greenhouse: {person}.',
    question: 'Who looks after the {name} greenhouse?',
  },
  {
    kind: 'md',
    fact: 'Because salt eats the hinges, the {name} gate is painted each {season}.',
    question: 'Why does the {name} gate need painting?',
  },
  {
    kind: 'txt',
    fact: 'The {name} archive lies beneath the old customs house.',
    question: 'Where can I find the {name} archive?',
  },
  {
    kind: 'txt',
    fact: 'Bees of the {name} apiary give about {n} kilograms of honey per hive.',
    question: 'How much honey does a hive of the {name} apiary produce?',
  },
  {
    kind: 'md',
    fact: 'Deployments of {name} are forbidden on Fridays after {hour}.',
    question: 'When must nobody deploy {name}?',
  },
  {
    kind: 'ts',
    fact: '/** Sessions of the {name} portal expire after {n} minutes without a click. */',
    question: 'How long until a {name} portal session expires?',
  },
  {
    kind: 'md',
    fact: 'Any invoice from {name} above {n} crowns needs two signatures.',
    question: 'Which {name} invoices have to be signed twice?',
  },
  {
    kind: 'txt',
    fact: 'Nobody younger than {n} is admitted to the {name} mine.',
    question: 'From what age are people admitted into the {name} mine?',
  },
  {
    kind: 'txt',
    fact: 'Water in the {name} cistern is tested for lead on the first Monday of {season}.',
    question: 'On which day is the {name} cistern checked for lead?',
  },
  { kind: 'py', fact: '{upper}_TIMEOUT_SECONDS = {n}', question: 'What is the timeout of {name}?' },
  {
    kind: 'txt',
    fact: '{person} wrote the {name} hymn book while snowed in at the pass.',
    question: 'Who is the author of the {name} hymn book?',
  },
  {
    kind: 'txt',
    fact: 'The {name} bridge bears trucks of up to {n} tonnes.',
    question: 'What weight of truck can the {name} bridge carry?',
  },
  {
    kind: 'md',
    fact: 'The {name} lighthouse was decommissioned in {year}.',
    question: 'In which year did they decommission the {name} lighthouse?',
  },
  {
    kind: 'md',
    fact: 'Complaints about {name} are answered by {person} within {n} days.',
    question: 'Who replies to complaints about {name}?',
  },
];

const NAMES =
  'Alder Birch Calder Dunmore Elswick Farrow Gorse Hazel Ivel Juniper Keld Linden Marsk Norrow Orrin Penhill Quarley Rowan Selby Thornby'.split(
    ' ',
  );
const PEOPLE = [
  'Ada Vance',
  'Bo Lindqvist',
  'Cora Mbeki',
  'Dov Stern',
  'Edda Falk',
  'Femi Oduya',
  'Gus Renner',
  'Hild Aas',
  'Ines Prado',
  'Jun Okada',
];
const SEASONS = ['spring', 'summer', 'autumn', 'winter'];
/** About the same things, and without any of the answers. */
const FILLER = [
  'The council met again and put the matter off until the next session.',
  'Visitors often ask about the {name} bridge and are shown the photographs instead.',
  'Nothing is known about the people who lived beside the {name} basin before the war.',
  'A new roof was discussed, priced, and quietly forgotten.',
  'The {name} ferry and the {name} gate appear on the town seal.',
  'Most of the letters about the {name} archive are written in pencil.',
  'It rained for most of the week, and the market was moved indoors.',
  'The {name} observatory has a cat, which has a chair of its own.',
  'See the appendix for the list of all names mentioned here.',
  'How the {name} bakery got its name is a question that every guide is asked.',
  'Somebody left a bicycle in front of the {name} greenhouse and never came back for it.',
];
const CODE_FILLER: { [kind in 'ts' | 'py']: string[] } = {
  ts: [
    'export function load{camel}(path: string): string[] {',
    "  return path.split('/');",
    '}',
    '// Kept for the old {name} importer.',
    'const {camel}Rows: number[] = [];',
  ],
  py: [
    'def load_{lower}(path):',
    '    return path.split("/")',
    '# Kept for the old {name} importer.',
    '{lower}_rows = []',
  ],
};

/** Numbers from 0 to 1, the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Writes the folder's files, and answers its questions with the places of their answers. */
export async function generateFolder(dir: string, seed: number, questions: number): Promise<AskedFact[]> {
  const random = randomFrom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const shuffled = <T>(list: readonly T[]): T[] =>
    list
      .map((value) => ({ value, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ value }) => value);
  const fill = (text: string, name = pick(NAMES)): string =>
    text
      .replaceAll('{name}', name)
      .replaceAll('{camel}', name.toLowerCase())
      .replaceAll('{lower}', name.toLowerCase())
      .replaceAll('{upper}', name.toUpperCase())
      .replaceAll('{n}', () => String(3 + Math.floor(random() * 80)))
      .replaceAll('{person}', () => pick(PEOPLE))
      .replaceAll('{hour}', () => `${13 + Math.floor(random() * 9)}:30`)
      .replaceAll('{year}', () => String(1802 + Math.floor(random() * 180)))
      .replaceAll('{season}', () => pick(SEASONS));
  const filler = (kind: Kind): string => fill(pick(kind === 'ts' || kind === 'py' ? CODE_FILLER[kind] : FILLER));

  const files = new Map<string, { kind: Kind; lines: string[] }>();
  const fileOf = (kind: Kind): { path: string; lines: string[] } => {
    const name = `${pick(['notes', 'town', 'records', 'src', 'handbook/old'])}/${pick(['alpha', 'beta', 'gamma', 'delta'])}.${kind}`;
    const file = files.get(name) ?? { kind, lines: kind === 'md' ? ['# Notes', ''] : [] };
    files.set(name, file);
    return { path: name, lines: file.lines };
  };
  const asked: AskedFact[] = [];
  for (const template of shuffled(TEMPLATES).slice(0, questions)) {
    // One of these is asked about; the others say the same of something else.
    const names = shuffled(NAMES).slice(0, 3);
    names.forEach((name, at) => {
      const { path: file, lines } = fileOf(template.kind);
      for (let more = Math.floor(random() * 9); more >= 0; more -= 1) lines.push(filler(template.kind));
      lines.push(fill(template.fact, name));
      if (at === 0) asked.push({ question: fill(template.question, name), path: file, line: lines.length });
      if (random() < 0.5) lines.push('');
    });
  }
  for (let more = 0; more < 20; more += 1)
    fileOf(pick(['txt', 'md', 'ts', 'py'] as const)).lines.push(fill(pick(FILLER)));
  for (const [name, { lines }] of files) {
    await mkdir(path.join(dir, path.dirname(name)), { recursive: true });
    // Half of the folders come from machines that end lines with CRLF.
    await writeFile(path.join(dir, name), lines.join(seed % 2 === 0 ? '\r\n' : '\n') + '\n');
  }
  return asked;
}
