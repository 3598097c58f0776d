// `longhaul fork RUN`: a new run from any step of another. Hands it to the workers that are up, prints its id, and leaves.
import { ClientError } from '../../errors';
import { refuseErased } from '../../recorded-result';
import type { CliContext } from '../context';
import { editText } from '../edit-text';
import { EXIT } from '../exit-codes';
import { findRun } from '../find-run';
import { placeText } from '../place-text';
import { liveRun } from '../../live-run';
import { shellWord } from '../../shell-word';

export interface ForkCommandOptions {
  at?: number;
  release?: string;
  /** The new text; true for an editor. */
  edit?: string | true;
  say?: string;
  id?: string;
  tag?: string[];
}

export async function forkCommand(context: CliContext, given: string, options: ForkCommandOptions): Promise<number> {
  const { output, env } = context;
  if (options.edit === '') throw new ClientError('invalid-input', '--edit needs a text, or nothing for an editor.');
  const record = await findRun(context.readStore(), given);
  refuseErased(record);
  const { client, temporal } = await context.connect();
  const { at, release, say, id, tag, edit } = options;
  const run = await client.fork(record.id, {
    ...(at === undefined ? {} : { at }),
    ...(release === undefined ? {} : { release }),
    ...(say === undefined ? {} : { say }),
    ...(id === undefined ? {} : { id }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(edit === undefined
      ? {}
      : { edit: (text) => (edit === true ? editText(text, { env, hasTerminal: process.stdin.isTTY }) : edit) }),
  });
  const isOpen = !record.ended && (await liveRun(temporal, record.id));
  const { queued } = run;
  output.json({ runId: run.id, forkedFrom: record.id, ...(queued ? { queued } : {}) });
  output.line(run.id);
  if (queued) output.note(`queued  ${placeText(queued)}`);
  output.note(`forked from ${record.id}; watch it: longhaul tail ${shellWord(run.id)}`);
  if (isOpen) output.note(`${record.id} goes on beside it; to stop it: longhaul cancel ${shellWord(record.id)}`);
  return EXIT.completed;
}
