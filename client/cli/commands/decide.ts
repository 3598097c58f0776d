// `longhaul approve`, `deny` and `replace`: answer what a run asks.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { JsonValue } from '../../../workflows/contract/message';
import { ClientError } from '../../errors';
import type { RunHandle } from '../../run-handle';
import type { RunRequest } from '../../run-requests';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { reachRun } from '../reach-run';
import type { ReasonOptions } from './intervene';

export interface ApproveOptions extends ReasonOptions {
  args?: string;
  remember?: boolean;
}
export interface ReplaceOptions extends ReasonOptions {
  result: string;
}

export const approveCommand = (
  context: CliContext,
  run: string,
  number: number,
  { args, remember, reason }: ApproveOptions,
): Promise<number> =>
  answer(context, run, number, args === undefined ? 'approved' : `approved with ${args}`, (handle) =>
    handle.approve(number, {
      ...(args === undefined ? {} : { args: argumentsIn(context, args) }),
      ...(remember ? { remember } : {}),
      ...because(reason),
    }),
  );

export const denyCommand = (
  context: CliContext,
  run: string,
  number: number,
  { reason }: ReasonOptions,
): Promise<number> => answer(context, run, number, 'denied', (handle) => handle.deny(number, because(reason)));

export const replaceCommand = (
  context: CliContext,
  run: string,
  number: number,
  { result, reason }: ReplaceOptions,
): Promise<number> =>
  answer(context, run, number, 'replaced', (handle) =>
    handle.replace(number, jsonIn(context, result, '--result'), because(reason)),
  );

const because = (reason: string | undefined): { reason?: string } => (reason === undefined ? {} : { reason });

async function answer(
  context: CliContext,
  given: string,
  number: number,
  says: string,
  decide: (run: RunHandle<unknown>) => Promise<void>,
): Promise<number> {
  const { output } = context;
  const { id, record, connect } = await reachRun(context, given);
  if (record?.ended) throw new ClientError('refused', `run ${id} has ended already: ${record.ended.outcome}.`);
  const { client } = await connect();
  const run = client.run(id);
  const asked = (await run.requests()).find((one) => one.number === number && !one.subRun);
  await decide(run);
  output.json({ id, number, decided: says, request: asked ?? null });
  output.line(`${id}  ${number}  ${says}${asked ? `: ${output.safeLine(questionLine(asked))}` : ''}`);
  return EXIT.completed;
}

/** A request on one line, with its arguments in full. */
export const questionLine = ({ tool, arguments: args, kind, failure }: RunRequest): string =>
  kind === 'approval'
    ? `${tool} ${JSON.stringify(args)}`
    : `${tool} ${JSON.stringify(args)} has failed (${failure?.type ?? ''}: ${failure?.message ?? ''})`;

const jsonObject = z.record(z.string(), z.json());

function argumentsIn(context: CliContext, text: string): { [name: string]: JsonValue } {
  const parsed = jsonObject.safeParse(jsonIn(context, text, '--args'));
  if (parsed.success) return parsed.data;
  throw new ClientError('invalid-input', '--args must be a JSON object: all arguments, not only those that change.');
}

/** `@file` is read from there. */
function jsonIn({ cwd }: CliContext, text: string, option: string): JsonValue {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('@') ? readFileSync(path.resolve(cwd, text.slice(1)), 'utf8') : text);
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new ClientError('invalid-input', `${option} ${why}.`, { cause: error });
  }
  return z.json().parse(value);
}
