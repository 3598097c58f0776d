// `longhaul approve`, `deny` and `replace`: answer what a run asks.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../../../infra/temporal/error-reason';
import type { JsonValue } from '../../../workflows/contract/message';
import { ClientError } from '../../errors';
import type { RunHandle } from '../../run-handle';
import { requireReason } from '../../run-requests';
import { becameOf, type Became } from '../became-of';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { questionLine } from '../../question-line';
import { reachOpenRun } from '../reach-run';
import type { ReasonOptions } from './intervene';
import { shellWord } from '../../shell-word';

export interface ApproveOptions extends ReasonOptions {
  args?: string;
  remember?: boolean;
}
export interface ReplaceOptions extends ReasonOptions {
  result: string;
}

export async function approveCommand(
  context: CliContext,
  run: string,
  number: number,
  { args, remember, reason }: ApproveOptions,
): Promise<number> {
  const approval = {
    ...(args === undefined ? {} : { args: argumentsIn(context, args) }),
    ...(remember ? { remember } : {}),
    ...because(reason),
  };
  const says = args === undefined ? 'approved' : `approved with ${args}`;
  return await answer(context, run, number, { says, decide: (handle) => handle.approve(number, approval) });
}

export async function denyCommand(
  context: CliContext,
  run: string,
  number: number,
  { reason }: ReasonOptions,
): Promise<number> {
  const about = because(reason);
  return await answer(context, run, number, {
    says: 'denied',
    decide: (handle) => handle.deny(number, about),
    isFinal: true,
  });
}

export async function replaceCommand(
  context: CliContext,
  run: string,
  number: number,
  { result, reason }: ReplaceOptions,
): Promise<number> {
  const [value, about] = [jsonIn(context, result, '--result'), because(reason)];
  return await answer(context, run, number, {
    says: 'replaced',
    decide: (handle) => handle.replace(number, value, about),
  });
}

const because = (reason: string | undefined): { reason?: string } => {
  requireReason(reason);
  return reason === undefined ? {} : { reason };
};

interface Answer {
  says: string;
  decide(run: RunHandle<unknown>): Promise<void>;
  /** Whether nobody may refuse it any more once the run has taken it. */
  isFinal?: boolean;
}

async function answer(
  context: CliContext,
  given: string,
  number: number,
  { says, decide, isFinal = false }: Answer,
): Promise<number> {
  const { output } = context;
  const { id, run } = await reachOpenRun(context, given);
  const asked = (await run.requests()).find((one) => one.number === number && !one.subRun);
  await decide(run);
  const became: Became | undefined = asked && !isFinal ? await becameOf(context.readStore(), run, asked) : undefined;
  output.json({ id, number, decided: says, request: asked ?? null, became: became?.what ?? null });
  output.line(`${id}  ${number}  ${says}${asked ? `: ${output.safeLine(questionLine(asked))}` : ''}`);
  if (became?.what === 'failed-again')
    output.note(`${output.safeLine(became.why)}; it is asked again, as request ${became.as}.`);
  if (became?.what === 'not-known')
    output.note(`whether the call is made with it is shown by: longhaul tail ${shellWord(id)}`);
  return EXIT.completed;
}

const jsonObject = z.record(z.string(), z.json());

function argumentsIn(context: CliContext, text: string): { [name: string]: JsonValue } {
  const parsed = jsonObject.safeParse(jsonIn(context, text, '--args'));
  if (parsed.success) return parsed.data;
  throw new ClientError('invalid-input', '--args must be a JSON object: all arguments, not only those that change.');
}

/** `@file` is read from there. */
function jsonIn({ cwd }: CliContext, text: string, option: string): JsonValue {
  const shown = text.startsWith('@') ? `${option} ${text}` : option;
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('@') ? readFileSync(path.resolve(cwd, text.slice(1)), 'utf8') : text);
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new ClientError('invalid-input', `${shown} ${why}: ${reasonOf(error)}`, { cause: error });
  }
  return z.json().parse(value);
}
