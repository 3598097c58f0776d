// What watching costs: the same runs on a stack that counts, writes down, traces and is scraped, and on one that does none of it, in turns.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { metricsText } from '../../workers/metrics-text';
import { script, startModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

export interface ObserveOptions {
  pairs: number;
  /** Of each round, all at once. */
  runs: number;
  /** Each a model call and a tool call. */
  turns: number;
}

export interface ObservePair {
  /** Calls a second. */
  observed: number;
  unobserved: number;
}

/** Takes what it is sent, in a process of its own, and keeps nothing. */
const SINK = `
const server = require('node:http').createServer((request, answer) => {
  request.resume().on('end', () => answer.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const work = defineTool({
  name: 'work',
  description: 'Works.',
  input: z.object({ number: z.number() }),
  output: z.number(),
  effect: 'read',
  run: ({ number }) => number,
});

const SCRAPE_MS = 1_000;
/** As Prometheus asks for it. */
const OPEN_METRICS = 'application/openmetrics-text';

/** The first pair warms up, and is not among the results. */
export async function observePairs({ pairs, runs, turns }: ObserveOptions): Promise<ObservePair[]> {
  const worker = defineAgent({ name: 'worker', instructions: 'Work.', tools: [work], limits: { turns: turns + 1 } });
  const sink = spawn(process.execPath, ['-e', SINK], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(createInterface(sink.stdout), 'line')) as [string];
  let asked = 0;
  const model = await startModelServer({
    respond: ({ assistantTurns }) =>
      (assistantTurns < turns ? script().call('work', { number: (asked += 1) }) : script().answer('done')).turnAt(0),
  });
  const settings = { url: `http://127.0.0.1:${port}/v1/traces`, content: false, redact: [], sample: 1 };
  const watched = await startTestStack({ agents: [worker], modelUrl: model.url, tracing: settings });
  const plain = await startTestStack({ agents: [worker], modelUrl: model.url, unobserved: true });
  const round = async (stack: TestStack): Promise<number> => {
    const { registry } = stack.metrics;
    const scraping = setInterval(() => void (stack === watched && metricsText({ registry }, OPEN_METRICS)), SCRAPE_MS);
    const startedAt = performance.now();
    const all = Array.from({ length: runs }, async () => {
      const run = await stack.client.agent<typeof worker>('worker').start('work');
      const { outcome } = await run.result();
      if (outcome !== 'completed') throw new Error(`a run ended ${outcome}`);
    });
    await Promise.all(all);
    clearInterval(scraping);
    return (runs * (2 * turns + 1)) / ((performance.now() - startedAt) / 1_000);
  };
  try {
    const made: ObservePair[] = [];
    for (let nth = 0; nth <= pairs; nth += 1) {
      // Each is first as often as the other: what the machine does meanwhile is nobody's.
      const first = nth % 2 === 0 ? watched : plain;
      const one = await round(first);
      const other = await round(first === watched ? plain : watched);
      if (nth > 0)
        made.push(first === watched ? { observed: one, unobserved: other } : { observed: other, unobserved: one });
    }
    return made;
  } finally {
    await watched.close();
    await plain.close();
    await model.close();
    sink.kill();
  }
}

export interface Ratio {
  /** Geometric mean of observed to unobserved throughput. */
  mean: number;
  /** Of 95 %, by Student's t over the logarithms of the pairs. */
  from: number;
  to: number;
}

export function ratioOf(pairs: readonly ObservePair[]): Ratio {
  const logs = pairs.map(({ observed, unobserved }) => Math.log(observed / unobserved));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1);
  const half = studentT(logs.length - 1) * Math.sqrt(variance / logs.length);
  return { mean: Math.exp(mean), from: Math.exp(mean - half), to: Math.exp(mean + half) };
}

/** 97.5th percentiles by degrees of freedom, from 1; beyond them the normal distribution's, in steps that err to the wide side. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];
function studentT(freedom: number): number {
  const known = T[freedom - 1];
  if (known !== undefined) return known;
  return freedom < 30 ? 2.12 : 2.042;
}
