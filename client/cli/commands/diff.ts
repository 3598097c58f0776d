// `longhaul diff RUN RUN`: the first step at which two runs differ, and in what. Needs no server.
import { allSteps, compareSteps, type RunStep, type RunSteps, type StepDifference } from '../run-steps';
import { ClientError } from '../../errors';
import { refuseErased } from '../../recorded-result';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { findRun } from '../find-run';
import { counted } from '../../format';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';

export async function diffCommand(context: CliContext, one: string, other: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const records = await Promise.all([findRun(store, one), findRun(store, other)]);
  records.forEach(refuseErased);
  const [first, second] = records;
  if (first.tenant !== second.tenant)
    throw new ClientError(
      'invalid-input',
      'these runs are of two tenants, whose contents are named apart and not compared.',
    );
  const [a, b] = await Promise.all([allSteps(store, first), allSteps(store, second)]);
  refuseUnmatched([first.id, a], [second.id, b]);
  const steps: [RunStep[], RunStep[]] = [a.steps, b.steps];
  const difference = compareSteps(...steps);
  output.json({
    runs: records.map((record, at) => ({ ...aboutOf(record), steps: steps[at]?.length ?? 0 })),
    same: difference === undefined,
    differsAt: difference?.number ?? null,
    in: difference?.in ?? [],
    steps: difference ? [difference.a ?? null, difference.b ?? null] : [],
  });
  if (output.isJson) return EXIT.completed;
  records.forEach((record, at) => showRun(context, record, steps[at]?.length ?? 0));
  if (difference) showDifference(context, [first.id, second.id], difference, steps);
  else output.line(`the same: all ${counted(steps[0].length, 'step')}`);
  return EXIT.completed;
}

/** The steps of two runs are matched by their places, which nobody knows where what came before is gone. */
function refuseUnmatched(...runs: [[string, RunSteps], [string, RunSteps]]): void {
  const [[, a], [, b]] = runs;
  if (a.behind?.run === b.behind?.run && a.behind?.step === b.behind?.step) return;
  const [id, { behind }] = runs.find(([, steps]) => steps.behind) ?? runs[0];
  throw new ClientError(
    'invalid-input',
    `run ${id} goes on from step ${behind?.step} of ${behind?.run}, which is gone: how its steps match the other's is not known.`,
  );
}

const aboutOf = ({ id, agent, release, ended, forkedFrom }: RunRecord) => ({
  id,
  agent,
  release,
  outcome: ended?.outcome ?? null,
  forkedFrom: forkedFrom ? { run: forkedFrom.run, step: forkedFrom.step } : null,
});

function showRun({ output }: CliContext, record: RunRecord, steps: number): void {
  const { id, agent, release, outcome, forkedFrom } = aboutOf(record);
  const origin = forkedFrom ? `, forked from ${forkedFrom.run} at step ${forkedFrom.step}` : '';
  const about = `${agent}, release ${release.slice(0, 12)}, ${outcome ?? 'not ended'}, ${counted(steps, 'step')}${origin}`;
  output.line(`${output.safeLine(id)}  ${output.safeLine(about)}`);
}

function showDifference(
  { output }: CliContext,
  ids: readonly [string, string],
  { number, in: parts, a, b }: StepDifference,
  steps: readonly [readonly RunStep[], readonly RunStep[]],
): void {
  if (number > 1) output.line(`the same: ${number === 2 ? 'step 1' : `steps 1 to ${number - 1}`}`);
  output.line(output.colors.yellow(`step ${number} differs: ${parts.join(', ')}`));
  [a, b].forEach((step, at) => {
    const rest = (steps[at]?.length ?? 0) - number;
    const more = rest > 0 ? output.colors.dim(`  then ${counted(rest, 'step')} more`) : '';
    const text = step
      ? stepText(step)
          .map((part) => output.safeLine(part))
          .join('  ')
      : 'has ended before it';
    output.line(`  ${output.safeLine(ids[at] ?? '')}  ${text}${more}`);
  });
}

const stepText = ({ kind, name, given, answered }: RunStep): string[] => [
  `${kind} ${name}`,
  `given "${given}"`,
  `answers "${answered}"`,
];
