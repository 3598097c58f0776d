// Needs nothing: the demo model and the analyst's tools on folders made from seeds.
import { createDemoProvider } from '../../activities/model/demo';
import { repoAnalyst } from '../../agents/repo-analyst/agent';
import { citationFault, citationsIn, runDirectly, temporaryFolder } from './direct-run';
import { generateFolder } from './generated-folder';

const SEEDS = [1, 2, 3, 4, 5];
const QUESTIONS = 12;
/** Of the questions, the part whose line must be the first that is cited. */
const FLOOR = 0.8;

test('finds the line that answers, first, and quotes only what is there', async () => {
  const provider = createDemoProvider();
  const missed: string[] = [];
  let asked = 0;
  for (const seed of SEEDS) {
    const dir = await temporaryFolder();
    const stateDir = await temporaryFolder();
    for (const fact of await generateFolder(dir, seed, QUESTIONS)) {
      asked += 1;
      const { answer } = await runDirectly(repoAnalyst, provider, { question: fact.question, dir }, { stateDir });
      const citations = citationsIn(answer);
      for (const citation of citations) expect(await citationFault(dir, citation)).toBeUndefined();
      const [first] = citations;
      if (first?.path !== fact.path || first.line !== fact.line) {
        missed.push(
          `seed ${seed}: ${fact.question}\n  wanted ${fact.path}:${fact.line}\n  got ${answer.split('\n')[0] ?? ''}`,
        );
      }
    }
  }
  process.stdout.write(`demo hit rate: ${asked - missed.length}/${asked}\n`);
  if (missed.length > 0) process.stdout.write(`${missed.join('\n')}\n`);
  expect(asked).toBe(SEEDS.length * QUESTIONS);
  expect((asked - missed.length) / asked).toBeGreaterThanOrEqual(FLOOR);
}, 120_000);
