// `longhaul steer` and `extend`: something said to a run on its way, and leave to use more than its limits.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { durationMs, type Duration } from '../../../activities/define/duration';
import type { ExtendRequest } from '../../../workflows/contract/run';
import { ClientError } from '../../errors';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { limitsText } from '../../format';
import { reachOpenRun } from '../reach-run';

export interface ExtendOptions {
  turns?: number;
  toolCalls?: number;
  tokens?: number;
  modelCalls?: number;
  /** Billionths of a dollar. */
  usd?: number;
  wall?: string;
}

export async function steerCommand(context: CliContext, given: string, words: string): Promise<number> {
  const text = words.startsWith('@') ? textOf(context, words.slice(1)) : words;
  const { id, run } = await reachOpenRun(context, given);
  await run.steer(text);
  context.output.json({ id, steered: text });
  context.output.line(`${id}  said; the model hears it when its next turn begins`);
  return EXIT.completed;
}

export async function extendCommand(context: CliContext, given: string, options: ExtendOptions): Promise<number> {
  const { wall, usd, ...counts } = options;
  const added: ExtendRequest = {
    ...counts,
    ...(usd === undefined ? {} : { nanoUsd: usd }),
    ...(wall === undefined ? {} : { wallMs: wallMs(wall) }),
  };
  if (Object.keys(added).length === 0)
    throw new ClientError(
      'invalid-input',
      'say what is added: --turns, --tool-calls, --tokens, --model-calls, --usd or --wall.',
    );
  const { id, run } = await reachOpenRun(context, given);
  await run.extend(added);
  const { limits } = await run.progress();
  context.output.json({ id, extended: added, limits });
  context.output.line(`${id}  may use more, now ${limitsText(limits)}`);
  return EXIT.completed;
}

function textOf({ cwd }: CliContext, file: string): string {
  try {
    return readFileSync(path.resolve(cwd, file), 'utf8');
  } catch (error) {
    throw new ClientError('invalid-input', `the file "${file}" cannot be read.`, { cause: error });
  }
}

function wallMs(text: string): number {
  // A number alone would be milliseconds, which nobody means here.
  if (/^\s*[\d.]+\s*$/.test(text))
    throw new ClientError('invalid-input', `--wall: "${text}" has no unit: write "30s", "20m" or "2h".`);
  try {
    return durationMs(text as Duration, '--wall');
  } catch (error) {
    throw new ClientError('invalid-input', error instanceof Error ? error.message : '--wall is not a duration.', {
      cause: error,
    });
  }
}
