// A shop with one tool, `pay`, and the world that it acts on: what was done to it is counted from outside.
import { z } from 'zod';
import { defineAgent, defineTool, defineToolbox, type Effect, type Reconciled } from '../../activities/define';
import type { ActivityDeps } from '../../activities/deps';
import type { ContentStore } from '../../activities/store';
import type { CallToolInput } from '../../workflows/contract/activities';
import { given } from './given';

/** Done twice under one key, it happens once where the other side looks at the key. */
interface World {
  /** What was done to it, by key. */
  done: string[];
  act(key: string): string;
  find(key: string): Reconciled<string> | Promise<Reconciled<string>>;
}

export function world(): World {
  const done: string[] = [];
  return {
    done,
    act: (key) => {
      done.push(key);
      return `receipt ${done.length}`;
    },
    find: (key) => {
      const at = done.indexOf(key);
      return at < 0 ? { outcome: 'not-done' } : { outcome: 'done', output: `receipt ${at + 1}` };
    },
  };
}

interface Shop {
  done: string[];
  deps: ActivityDeps;
  store: ContentStore;
  /** Of the call at this place of the first turn; all ask for the same. */
  asking(index?: number): CallToolInput;
}

/** An agent with one tool, `pay`, and a turn that asks for it. By default it acts on the world, once, and cannot look up what became of it. */
export async function shop({
  world: { done, act, find } = world(),
  effect = 'at-most-once',
  timeoutMs = 30_000,
  reconciles = false,
  attempts = 3,
  run = (key) => act(key),
  check,
}: {
  world?: World;
  effect?: Effect;
  timeoutMs?: number;
  reconciles?: boolean;
  attempts?: number;
  run?(key: string, signal: AbortSignal): unknown;
  /** What it answers then names work that goes on elsewhere, and this asks for. */
  check?(): string | undefined;
} = {}): Promise<Shop> {
  const pay = defineTool({
    name: 'pay',
    description: 'Pays.',
    input: z.object({}),
    output: z.string(),
    effect,
    approval: false,
    timeout: timeoutMs,
    retry: { attempts },
    toolbox: defineToolbox({ name: 'payments' }),
    run: async (_, { effectKey, signal }) => (await run(effectKey, signal)) as string,
    ...(check ? { poll: { started: z.string(), every: '1s' as const, upTo: '1h' as const, check } } : {}),
    ...(reconciles ? { reconcile: (_: unknown, { effectKey }: { effectKey: string }) => find(effectKey) } : {}),
  });
  const { deps, store, put, about } = await given(defineAgent({ name: 'shop', instructions: 'Sell.', tools: [pay] }));
  const message = await put({
    role: 'assistant',
    parts: [0, 1].map((call) => ({ type: 'tool-call', call, name: 'pay', arguments: {} })),
  });
  const asking = (index = 1): CallToolInput => ({
    ...about,
    key: { run: 'first', fork: 0, turn: 1, index },
    name: 'pay',
    message,
    call: index - 1,
    input: message,
    timeoutMs,
  });
  return { done, deps, store, asking };
}
