// Needs: nothing but the tree. Whoever is woken types what an alert or a runbook says: each command there is one that there is, with its
// arguments and options.
import type { Command } from 'commander';
import { createProgram } from '../../client/cli/program';
import { readTracked, trackedFiles } from './tracked-files';

const files = [
  'infra/prometheus/rules.yml',
  ...trackedFiles().filter((file) => /^infra\/runbooks\/.*\.md$/.test(file)),
];

/** In a rule to the end of the annotation; in a page within backticks, or a line of a block. */
const commandsIn = (file: string): string[] =>
  readTracked(file)
    .split('\n')
    .flatMap((line) => {
      if (file.endsWith('.yml')) return Array.from(line.matchAll(/Next: (longhaul [^']+)/g), ([, one = '']) => one);
      if (line.startsWith('longhaul ')) return [line];
      return Array.from(line.matchAll(/`(longhaul [^`]+)`/g), ([, one = '']) => one);
    });
const named = files.flatMap((file) => commandsIn(file).map((text) => ({ file, text })));

/** As a shell would, of the little that stands there. */
const wordsOf = (text: string): string[] =>
  Array.from(
    text
      .replace(/\{\{[^}]*(failure|outcome)[^}]*\}\}/g, 'Tool.Failed')
      .replace(/\{\{[^}]*release[^}]*\}\}/g, 'aaaaaaaaaaaa')
      .replace(/\{\{[^}]*\}\}/g, 'x')
      .matchAll(/"([^"]*)"|(\S+)/g),
    ([, inQuotes, plain]) => inQuotes ?? plain ?? '',
  );

/** What stands for something else is given something that fits. */
const STANDS_FOR: { [word: string]: string } = {
  N: '3',
  M: '2',
  HASH: 'aaaaaaaaaaaa',
  TYPE: 'Tool.Failed',
  JSON: '{}',
};

async function problemOf(text: string): Promise<string | undefined> {
  const program = createProgram(() => Promise.resolve(0));
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  for (const command of all(program)) command.exitOverride().configureOutput({ writeErr: () => undefined });
  const [, ...words] = wordsOf(text);
  try {
    await program.parseAsync(
      words.map((word) => STANDS_FOR[word] ?? word),
      { from: 'user' },
    );
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test.each(named)('$file: $text', async ({ text }) => {
  expect(await problemOf(text)).toBeUndefined();
});

test('there are some, in rules and in runbooks', () => {
  const withCommands = files.filter((file) => named.some((one) => one.file === file));
  expect(withCommands).toEqual(expect.arrayContaining(['infra/prometheus/rules.yml', 'infra/runbooks/behaviour.md']));
  expect(named.length).toBeGreaterThan(40);
});

test('what there is not is found', async () => {
  expect(await problemOf('longhaul lost RUN')).toMatch("unknown command 'lost'");
  expect(await problemOf('longhaul list --colour red')).toMatch("unknown option '--colour'");
  expect(await problemOf('longhaul list --outcome broken')).toMatch("argument 'broken' is invalid");
  expect(await problemOf('longhaul show')).toMatch("missing required argument 'run'");
  expect(await problemOf('longhaul show RUN --call some')).toMatch('it is a number of the trace');
});
