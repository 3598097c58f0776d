// The life of a run, as a recipe: until an end is reached, decide, ask the model, call its tools.
import type { AnswerProblem } from '../contract/activities';
import { isBudgetFailure, isEscalated, type RunFailure } from '../contract/failures';
import type { AgentRunResult, CarriedState, StoredValue } from '../contract/run';
import type { ToolTurn } from '../contract/tool-call';
import type { Run } from './environment';
import { exhaustedLimit, exhaustedToolCalls, limitsOf } from './limits';
import { askModel, callContext } from './model-turn';
import { RunEnd, cancelled, step, untilResumed } from './persist';
import { recordTaken, stayForTools, takesRelease } from './take-release';
import { hearSteered, takeCalling } from './run-state';
import { callTools, toolTurnOf } from './tool-turn';

export type Ending = { kind: 'result'; result: AgentRunResult } | { kind: 'continue-as-new'; carried: CarriedState };

/** The end of a run before it is recorded: the outcome with what it needs, nothing else. */
type End =
  | { outcome: 'completed'; output: StoredValue }
  | { outcome: 'failed' | 'budget-exhausted' | 'escalated'; failure: RunFailure }
  | { outcome: 'cancelled'; failure: RunFailure };

export async function runAgent(run: Run): Promise<Ending> {
  try {
    const end = await takeTurns(run);
    if (end === 'continue-as-new') return { kind: end, carried: run.state.kept };
    return { kind: 'result', result: await record(run, end) };
  } catch (error) {
    if (!(error instanceof RunEnd)) throw error;
    return { kind: 'result', result: await record(run, endOf(error)) };
  }
}

async function takeTurns(run: Run): Promise<End | 'continue-as-new'> {
  const { state, input } = run;
  if (state.kept.move?.from !== undefined) await recordTaken(run, state.kept.move.from);
  for (;;) {
    const turn = takeCalling(state) ?? (await nextToolTurn(run));
    if (turn === 'continue-as-new') return turn;
    if ('outcome' in turn) return turn;
    if ((await callTools(run, turn)) === 'continue-as-new') return 'continue-as-new';
    stayForTools(run, turn);
    if (state.kept.badAnswersInARow > input.plan.repairs) return failed(invalidCalls(state.kept.badAnswersInARow));
  }
}

/** Asks the model, again where its answer is unusable, until it asks for tools or the run has come to an end. */
async function nextToolTurn(run: Run): Promise<ToolTurn | End | 'continue-as-new'> {
  const { state, environment, input } = run;
  for (;;) {
    await untilResumed(run);
    if (state.cancel) throw cancelled(run);
    const exhausted = exhaustedLimit(state.kept, limitsOf(run), environment.now());
    if (exhausted) return failed(exhausted);
    // Between turns nothing is in flight, and the carried state is of constant size.
    // One that is cancelled by plain Temporal ends with what it has: the next call tells.
    if ((takesRelease(state) && !environment.isCancelled()) || environment.shouldContinueAsNew())
      return 'continue-as-new';

    const answer = await askModel(run);
    if (answer === 'continue-as-new') return answer;
    if (answer.problem && state.kept.badAnswersInARow > input.plan.repairs) return failed(answer.problem);
    if (answer.problem) continue;
    // What a person has said meanwhile is answered too, where the run may still ask.
    if (answer.output && state.kept.steered && !exhaustedLimit(state.kept, limitsOf(run), environment.now())) continue;
    if (answer.output) return { outcome: 'completed', output: answer.output };

    const tooMany = exhaustedToolCalls(state.kept, limitsOf(run), answer.toolCalls.length);
    if (tooMany) return failed(tooMany);
    const [assistant] = answer.messages;
    if (assistant) return toolTurnOf(assistant.hash, answer.toolCalls);
  }
}

const failed = (failure: RunFailure): End => ({
  outcome: isEscalated(failure.type) ? 'escalated' : isBudgetFailure(failure.type) ? 'budget-exhausted' : 'failed',
  failure,
});

const invalidCalls = (turns: number): RunFailure & { type: AnswerProblem } => ({
  type: 'Model.InvalidToolCall',
  message: `${turns} answers in a row asked only for tools that do not exist or with arguments that do not fit.`,
});

function endOf({ end }: RunEnd): End {
  return end.outcome === 'failed'
    ? failed(end.failure)
    : { outcome: 'cancelled', failure: { type: 'Run.Cancelled', message: end.reason } };
}

/** Links what is not linked yet and writes the run record, whatever happens around it. */
async function record(run: Run, end: End): Promise<AgentRunResult> {
  const { state, environment } = run;
  const { kept } = state;
  state.ending = true;
  hearSteered(state);
  const result = {
    schemaVersion: 1 as const,
    ...end,
    length: kept.length + kept.append.length,
    totals: kept.totals,
  };
  const append = kept.append.map((message) => message.hash);
  // For the record of a run that no client of ours has started.
  const about = { input: run.input.input.hash, startedAt: kept.startedAt, asked: kept.requests !== undefined };
  const recorded = await environment.uninterrupted(async () => {
    const done = await step(
      run,
      { kind: 'note', label: `records the end: ${end.outcome}` },
      () =>
        environment.endRun({
          ...callContext(run, 0),
          base: kept.head,
          append,
          ...about,
          limits: limitsOf(run),
          result,
        }),
      () => ({}),
    );
    // endRun has no attempt limit, so a failure here is a type that nobody declared: a bug, and loud.
    if ('failure' in done) throw new Error(`endRun failed with ${done.failure.type}: ${done.failure.message}`);
    return done.result;
  });
  kept.head = recorded.head;
  kept.length = result.length;
  kept.append = [];
  const { achieved } = recorded;
  state.result = { ...result, head: recorded.head, ...(achieved ? { achieved } : {}) };
  return state.result;
}
