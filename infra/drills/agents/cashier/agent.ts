// The agent of the effects drill: one tool of each kind of effect, all of which act on a till that no drill kills.
import { defineAgent, defineTool, type Effect } from 'longhaul';
import { z } from 'zod';

const needs = z.object({ till: z.string() });
const input = z.object({ item: z.string() });
const output = z.object({ receipt: z.string() });
/** Short, so that a drill need not wait for long; longer than any answer of the till. */
const TIMEOUT = '1500ms';

const tillUrl = (till: string, tool: string, item: string): string =>
  `${till}/${encodeURIComponent(`${tool}/${item}`)}`;

async function post(url: string, key: string, signal: AbortSignal): Promise<{ receipt: string }> {
  const response = await fetch(url, { method: 'POST', signal, headers: { 'idempotency-key': key } });
  if (!response.ok) throw new Error(`the till answered ${response.status}.`);
  return (await response.json()) as { receipt: string };
}

const till = <Name extends string>(name: Name, description: string, effect: Effect) =>
  defineTool({
    name,
    description,
    input,
    output,
    needs,
    effect,
    approval: false,
    timeout: TIMEOUT,
    run: ({ item }, { input: { till: url }, effectKey, signal }) => post(tillUrl(url, name, item), effectKey, signal),
  });

const transfer = defineTool({
  name: 'transfer',
  description: 'Transfers money. It must never be done twice, and the till can be asked whether it was.',
  input,
  output,
  needs,
  effect: 'at-most-once',
  approval: false,
  timeout: TIMEOUT,
  run: ({ item }, { input: { till: url }, effectKey, signal }) =>
    post(tillUrl(url, 'transfer', item), effectKey, signal),
  reconcile: async ({ item }, { input: { till: url }, signal }) => {
    const response = await fetch(tillUrl(url, 'transfer', item), { signal });
    const { done } = z.object({ done: z.boolean() }).parse(await response.json());
    return done ? { outcome: 'done', output: { receipt: 'looked up' } } : { outcome: 'not-done' };
  },
});

export const cashier = defineAgent({
  name: 'cashier',
  description: 'Works at a till, for the effects drill.',
  instructions: 'Do what you are asked, one thing after the other.',
  input: z.object({ task: z.string(), till: z.string() }),
  tools: [
    till('look_up', 'Looks something up.', 'read'),
    till('set_price', 'Sets a price. Set again it is the same price.', 'idempotent'),
    till('charge', 'Charges a card, once for each key.', 'keyed'),
    transfer,
    till('post_letter', 'Posts a letter. It must never be done twice, and nobody can be asked.', 'at-most-once'),
  ],
  limits: { turns: 200, toolCalls: 200 },
});
