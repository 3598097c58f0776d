// Other words that people ask with. General English only: a word of one trade would help one folder and harm the rest.
import { stem } from './stem';

const GROUPS =
  `start begin launch boot open commence|stop end finish close quit halt shut|delete remove erase drop discard
error failure fault problem|decide choose pick determine select policy|make create produce build|change modify edit alter update
show display print|buy purchase acquire|cost price fee charge pay|big large size|quick fast rapid|limit maximum cap most ceiling
minimum least floor|folder directory|config configuration setting option|keep store save hold|repair fix mend|check verify validate test inspect
retry attempt|frequency often every each|responsible charge maintain owner lead|name call|use employ need require|find locate
wait delay pause|send deliver ship|get fetch receive obtain|job task work|teach instruct train|forbid ban prohibit allow permit
happen occur|clean wash sweep scrub|hire employ|boss head chief director manager|reach arrive|leave depart|old age|kid child
doctor physician|meal food eat|invent discover devise|weigh weight|deep depth|tall high height|long length|wide width
live reside|begin start founded establish|author write|destroy demolish|move shift transfer|reply answer respond|help assist support
many number count total|rent hire lease|die death|birth born|sick ill|feed food fodder`
    .split(/[|\n]/)
    .map((group) => group.trim().split(' '));

const BY_STEM = new Map<string, string[]>();
for (const group of GROUPS) {
  for (const word of group) {
    const others = group.filter((other) => other !== word);
    BY_STEM.set(stem(word), [...(BY_STEM.get(stem(word)) ?? []), ...others]);
  }
}

export const synonyms = (word: string): string[] => BY_STEM.get(stem(word)) ?? [];
