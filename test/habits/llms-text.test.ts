// Needs: nothing but the tree. What the package tells agents of itself is made from the README, so each link of it leads somewhere.
import { llmsText } from '../../infra/build/llms-text.cjs';
import { readTracked } from './tracked-files';

const readme = readTracked('README.md');

test('llms.txt names every section of the README, once, by the link that the page gives it', () => {
  const text = llmsText(readme);
  const headings = [...readme.matchAll(/^#{2,3} (.+)$/gm)].map(([, heading = '']) => heading);
  const links = [...text.matchAll(/^ *- \[(.+?)\]\(README\.md#([\w-]+)\)/gm)];
  expect(links.map(([, heading]) => heading)).toEqual(headings);
  expect(new Set(links.map(([, , anchor]) => anchor)).size).toBe(headings.length);
  expect(text).toMatch(/^# Longhaul\n\n> A durable runtime for AI agents/);
});

test('a section is told by its first sentence, without its links; code and tables tell nothing', () => {
  const text = llmsText(
    '# X\n\nWhat it is.\n\n## What `it` costs, now\n\nSee [prices](a.md) first. Then pay.\n\n## T\n\n| a |\n',
  );
  expect(text.split('\n').slice(-3)).toEqual([
    '- [What `it` costs, now](README.md#what-it-costs-now): See prices first.',
    '- [T](README.md#t)',
    '',
  ]);
});
