// From the moment that a model server writes a piece of an answer to the moment that a reader in another process has it: through a worker's
// whole call, over each way there is. Each piece says when it was written, by the clock that all processes of a machine share.
import { script } from '../kit/model-server';
import { startTellerStack, type teller, type TellerStack } from '../stack/teller';

const EVERY_MS = 20;
/** Gives way to the time. */
const TIME = '@time@';
const PIECE = /(\d{5}):(\d+); /g;

export interface TextDelays {
  /** Milliseconds of each piece, in the order in which they were written. */
  port: number[];
  /** As `run.events()` gives them, beside its questions to the run; without those that come with the answer itself. */
  events: number[];
  /** Whether both read every piece once, in order, and nothing that the stored answer does not say. */
  isWhole: boolean;
}

/** @param storeUrl one of LMDB without */
export async function textDelays(pieces: number, storeUrl?: string): Promise<TextDelays> {
  const said = Array.from({ length: pieces }, (_, nth) => `${String(nth).padStart(5, '0')}:${TIME}; `);
  const stack = await startTellerStack({
    model: {
      script: script().answer(said.join('')),
      deltaChars: said[0]?.length ?? 1,
      faults: [{ do: { slowStreamMsPerChunk: EVERY_MS, timeInPlaceOf: TIME } }],
    },
    ...(storeUrl === undefined ? {} : { storeUrl }),
  });
  try {
    await stack.startWorker();
    return await readBoth(stack, pieces);
  } finally {
    await stack.close();
  }
}

async function readBoth({ client, reader }: TellerStack, pieces: number): Promise<TextDelays> {
  const port = createTimedReader();
  const events = createTimedReader();
  const reading = (async () => {
    for await (const { text } of reader.read('run_bench')) if (port.take(text) === pieces) return;
  })();
  const run = await client.agent<typeof teller>('teller').start('Go.', { id: 'run_bench' });
  for await (const event of run.events()) if (event.type === 'text') events.take(event.text);
  const result = await run.result();
  await reading;
  const answer = result.outcome === 'completed' ? String(result.output) : '';
  const isWhole = port.text().trimEnd() === answer.trimEnd() && answer.startsWith(events.text().trimEnd());
  return { port: port.delays, events: events.delays, isWhole: isWhole && port.isInOrder() && events.isInOrder() };
}

interface TimedReader {
  readonly delays: number[];
  /** @returns how many pieces it has */
  take(text: string): number;
  text(): string;
  isInOrder(): boolean;
}

function createTimedReader(): TimedReader {
  const delays: number[] = [];
  const numbers: number[] = [];
  let text = '';
  let left = '';
  return {
    delays,
    take: (more) => {
      const now = Number(process.hrtime.bigint() / 1_000n);
      text += more;
      left += more;
      for (const [piece, nth, writtenAt] of left.matchAll(PIECE)) {
        delays.push((now - Number(writtenAt)) / 1_000);
        numbers.push(Number(nth));
        left = left.slice(left.indexOf(piece) + piece.length);
      }
      return numbers.length;
    },
    text: () => text,
    isInOrder: () => numbers.every((nth, at) => nth === at),
  };
}
