// `npm run drill:cost`: a thousand runs against a model server that fails in many ways; what they have cost, beside what it has billed.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable } from '../../infra/drills/print-table';
import { startModelServer } from '../kit/model-server';
import {
  compareLedgers,
  ledgerFaults,
  ledgerOptions,
  ledgerTurn,
  playLedger,
  type ComparedModel,
} from '../stack/cost-ledger';
import { startTestStack } from '../stack/test-stack';

/** Between two lines of progress. */
const EACH = 100;
const percent = (part: number, of: number): string => `${of === 0 ? '0' : ((100 * (part - of)) / of).toFixed(1)} %`;
const count = (value: number): string => value.toLocaleString('en-US');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      'at-once': { type: 'string', default: '8' },
    },
  });
  const model = await startModelServer({ respond: ledgerTurn });
  const stack = await startTestStack({ ...ledgerOptions, modelUrl: model.url });
  try {
    const began = performance.now();
    const kinds = await playLedger(
      { stack, model },
      {
        ...{ runs: Number(values.runs), seed: Number(values.seed), width: Number(values['at-once']) },
        onEnded: (ended) => {
          if (ended % EACH === 0) console.log(`${ended} runs have ended`);
        },
      },
    );
    const seconds = Math.round((performance.now() - began) / 1_000);
    const { models } = await compareLedgers({ stack, model });
    const said = Object.entries(kinds).map(([kind, runs]) => `${kind} ${runs}`);
    console.log(`\n${values.runs} runs in ${seconds} s, seed ${values.seed}; by fault: ${said.join(', ')}`);
    console.log(
      `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model}\n`,
    );
    print(models);
    const faults = ledgerFaults(models);
    for (const fault of faults) console.log(`differs  ${fault}`);
    console.log(`${faults.length} differences in what was answered, and in how many were cut`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    await stack.close();
    await model.close();
  }
}

function print(models: readonly ComparedModel[]): void {
  const answered = models.flatMap(({ model, billed, told, billedNanoUsd, toldNanoUsd }) => [
    ...(['input', 'cachedInput', 'output', 'reasoning'] as const).map((kind) => [
      ...[model, kind, count(billed[kind]), count(told[kind])],
    ]),
    [model, 'nanoUsd', count(billedNanoUsd), count(toldNanoUsd)],
  ]);
  printTable(['answered', 'what', 'billed by the server', 'longhaul cost'], answered);
  console.log('');
  printTable(
    ['cut', 'requests', 'longhaul cost', 'tokens they took', 'estimated', 'error'],
    models.map(({ model, cut, toldCut, cutTokens, toldCutTokens }) => [
      ...[model, count(cut), count(toldCut), count(cutTokens), count(toldCutTokens)],
      percent(toldCutTokens, cutTokens),
    ]),
  );
}

void main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  })
  // Native threads of the Temporal SDK and of LMDB would keep it alive.
  .then((code) => process.exit(code));
