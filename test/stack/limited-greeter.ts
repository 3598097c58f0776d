// An agent whose model has few requests within a few seconds: for tests of runs that wait for their quota.
import type { WorkflowHandle } from '@temporalio/client';
import { defineAgent } from '../../activities/define';
import { keyNameOf, type QuotaSettings } from '../../activities/gateway/quota/gateway-quota';
import { quotaId } from '../../workflows/contract/names';
import { script, type ModelServer } from '../kit/model-server';
import type { TestStack, TestStackOptions } from './test-stack';
import { useStack } from './use-stack';

const PER_MS = 4_000;
const ROUTE = 'test/model';
const greeter = defineAgent({ name: 'greeter', model: ROUTE, instructions: 'Greet.' });

export interface LimitedGreeter {
  readonly quota: QuotaSettings;
  readonly perMs: number;
  readonly stack: TestStack;
  readonly model: ModelServer;
  /** Starts as many runs at once. @returns how each ended */
  runAll(count: number): Promise<string[]>;
  agent(): ReturnType<typeof agentOf>;
  /** Of the quota. */
  workflow(): WorkflowHandle;
  /** When requests arrived at the model server. */
  arrivals(): number[];
}

const agentOf = ({ client }: TestStack) => client.agent<typeof greeter>('greeter');

export function useLimitedGreeter(most: number, options: Pick<TestStackOptions, 'dynamicConfig'> = {}): LimitedGreeter {
  const quota: QuotaSettings = {
    limits: { windows: [{ of: 'requests', perMs: PER_MS, most }] },
    reserve: { kind: 'learned', quantile: 0.95 },
    patienceMs: 120_000,
    weights: {},
    key: keyNameOf('TEST_API_KEY'),
  };
  const used = useStack({ script: script().answer('Hello.') }, { agents: [greeter], quota, ...options });
  return {
    ...{ quota, perMs: PER_MS },
    get stack() {
      return used.stack;
    },
    get model() {
      return used.model;
    },
    agent: () => agentOf(used.stack),
    async runAll(count) {
      const agent = agentOf(used.stack);
      const runs = await Promise.all(Array.from({ length: count }, (_, nth) => agent.start(`hello ${nth}`)));
      return (await Promise.all(runs.map((run) => run.result()))).map(({ outcome }) => outcome);
    },
    workflow: () => used.stack.temporal.workflow.getHandle(quotaId('agents', ROUTE, quota.key)),
    arrivals: () => used.model.requests().map(({ arrivedAt }) => arrivedAt),
  };
}
