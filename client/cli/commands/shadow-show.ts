// `longhaul shadow show RUN`: how each of its shadows differs from it, and where first. Needs no server.
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { ClientError } from '../../errors';
import { counted, formatDuration, formatTokens, formatUsd } from '../../format';
import { KIND_TEXTS, type ShadowComparison, type Taken } from '../../shadow/compare-shadow';
import { compareWithShadow, hasEnded, shadowsOfRun } from '../../shadow/shadow-pair';
import { shellWord } from '../../shell-word';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { findRun } from '../find-run';
import type { Output } from '../output';

export async function shadowShowCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const run = await findRun(store, given);
  const shadows = run.shadowOf ? [run] : await shadowsOfRun(store, run.id);
  if (shadows.length === 0)
    throw new ClientError(
      'refused',
      `run ${run.id} has no shadow. For one: longhaul shadow ${shellWord(run.id)} --release current`,
    );
  const compared: ShadowComparison[] = [];
  const under: RunRecord[] = [];
  for (const shadow of shadows)
    if (hasEnded(shadow)) compared.push(await compareWithShadow(store, shadow));
    else under.push(shadow);
  output.json({ run: run.shadowOf?.run ?? run.id, shadows: compared, underWay: under.map(({ id }) => id) });
  if (output.isJson) return EXIT.completed;
  for (const one of compared) showComparison(output, one);
  for (const { id } of under) output.line(`${output.safeLine(id)}: under way`);
  return EXIT.completed;
}

export function showComparison(output: Output, one: ShadowComparison): void {
  const { first, outcome, tools, arguments: given, answer, took, answered } = one;
  const row = (name: string, text: string): void =>
    output.line(`${output.colors.dim(name.padEnd(12))} ${output.safeLine(text)}`);
  const of = one.isFloor ? 'its own release, so that what differs does so by chance' : 'release';
  output.line(`${output.safeLine(one.shadow)}: ${of} ${one.shadowRelease.slice(0, 12)}`);
  if (one.unfair !== null) row('not counted', one.unfair);
  if (first) {
    const place = first.step === null ? `message ${first.position}` : `step ${first.step}`;
    row('differs', `first at ${place}: ${KIND_TEXTS[first.kind]}`);
    row('  run', first.run ?? 'nothing');
    row('  shadow', first.shadow ?? 'nothing');
  } else row('differs', 'nowhere');
  row('outcome', outcome.same ? `the same: ${outcome.run}` : `${outcome.run} → ${outcome.shadow}`);
  row(
    'tools',
    tools.same
      ? `the same ${counted(tools.run.length, 'call')}`
      : `${namesText(tools.run)} → ${namesText(tools.shadow)}`,
  );
  if (given.different > 0) row('arguments', `${given.different} of ${given.same + given.different} differ`);
  row('answer', answer.same ? 'the same' : `${answer.run ?? 'none'} → ${answer.shadow ?? 'none'}`);
  row('took', `${takenText(took.run)} → ${takenText(took.shadow)}`);
  row('answered', answeredText(answered));
  for (const { step, tool, arguments: args } of answered.notExecuted)
    row('', `step ${step} would have called ${tool} ${args}`);
}

const NAMES_SHOWN = 12;
const namesText = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : `${names.slice(0, NAMES_SHOWN).join(', ')}${names.length > NAMES_SHOWN ? ', ...' : ''}`;

const takenText = ({ modelCalls, tokens, nanoUsd, modelMs }: Taken): string =>
  `${counted(modelCalls, 'model call')}, ${formatTokens(tokens)} tokens, ${nanoUsd === null ? 'cost unknown' : formatUsd(nanoUsd)}, ${formatDuration(modelMs)} of the model`;

function answeredText({ recorded, ran, notExecuted }: ShadowComparison['answered']): string {
  const parts = [
    `${counted(recorded, 'call')} as the run's`,
    ...(ran > 0 ? [`${ran} really run, of what only reads`] : []),
    ...(notExecuted.length > 0 ? [`${notExecuted.length} not executed`] : []),
  ];
  return parts.join(', ');
}
