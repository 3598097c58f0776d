// Needs a Temporal server (embedded, real), the model server over HTTP. What who watches a run sees of its
// answers while they come, and what is left of it afterwards: nothing.
import { defineAgent } from '../../activities/define';
import type { RunEvent } from '../../client/run-events';
import { script } from '../kit/model-server';
import { payloadText } from '../stack/payload-text';
import { useStack } from '../stack/use-stack';

const SPEECH = Array.from({ length: 200 }, (_, at) => `word${at}x${(at * 7_919) % 1_000}`).join(' ');
const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });

const used = useStack({ script: script().answer(SPEECH) }, { agents: [teller] });
afterEach(() => {
  used.model.clearFaults();
  used.model.reset();
});

type Text = Extract<RunEvent, { type: 'text' }>;
const isText = (event: RunEvent): event is Text => event.type === 'text';

const start = (id: string) => used.stack.client.agent<typeof teller>('teller').start('Go.', { id });
const put = (shown: string, { sequence, text }: Text): string => shown.slice(0, sequence - text.length) + text;

test('an answer is shown while it comes, and its history holds nothing of it', async () => {
  used.model.addFaults({ do: { slowStreamMsPerChunk: 5 } });
  const run = await start('run_shown');
  let shown = '';
  let pieces = 0;
  for await (const event of run.events()) {
    if (!isText(event)) continue;
    expect(event).toMatchObject({ run: 'run_shown', turn: 1, attempt: 1 });
    shown = put(shown, event);
    pieces += 1;
  }
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: SPEECH });
  expect(SPEECH.startsWith(shown)).toBe(true);
  expect(shown.length).toBeGreaterThan(SPEECH.length / 2);
  expect(pieces).toBeGreaterThan(3);
  const history = payloadText(await used.stack.temporal.workflow.getHandle('run_shown').fetchHistory());
  expect(history).not.toContain('word150x');
}, 60_000);

test('a retried attempt takes the place of the one that was cut, and who was away in between reads on', async () => {
  used.model.addFaults(
    { when: { nth: 1 }, do: { cutStreamAfterChunks: 20 } },
    { when: { nth: 2 }, do: { slowStreamMsPerChunk: 20 } },
  );
  const run = await start('run_again');
  let shown = '';
  let last: Text | undefined;
  const attempts: number[] = [];
  const follow = async (until: (event: Text) => boolean): Promise<void> => {
    for await (const event of run.events(last ? { after: last } : {})) {
      if (!isText(event)) continue;
      if (event.begunAt !== last?.begunAt) attempts.push(event.attempt);
      shown = put(shown, event);
      last = event;
      if (until(event)) return;
    }
  };
  await follow(({ attempt, sequence }) => attempt === 2 && sequence > 100);
  const before = last?.sequence ?? 0;
  await follow(() => false);
  expect(attempts).toEqual([1, 2]);
  expect(last?.sequence).toBeGreaterThan(before);
  expect(SPEECH.startsWith(shown)).toBe(true);
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
}, 60_000);

test('a reader that stands still holds up nothing', async () => {
  const run = await start('run_slow');
  const events = run.events()[Symbol.asyncIterator]();
  await events.next();
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: SPEECH });
  await events.return?.();
}, 60_000);
