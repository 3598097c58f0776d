// The model's half of a turn: ask, wait where the provider says so, take the answer.
import type { CallContext, CallKey, ModelAnswer } from '../contract/activities';
import type { Run } from './environment';
import { RunEnd, step, untilResumed, wait } from './persist';
import { note, takeAnswer } from './run-state';

export function callContext(run: Run, index: number): CallContext {
  const { agent, release, tenant, user, session } = run.input;
  return {
    key: callKey(run, index),
    agent,
    release,
    tenant,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
  };
}

function callKey(run: Run, index: number): CallKey {
  return { run: run.firstRunId, fork: 0, turn: run.state.kept.turn, index };
}

/** A worker's clock may be behind the server's: a provider that asks for patience is not asked again at once. */
const MIN_WAIT_MS = 1_000;

/** @throws RunEnd when the model call has failed for good */
export async function askModel(run: Run): Promise<ModelAnswer> {
  const { state, environment } = run;
  const { kept } = state;
  kept.turn += 1;
  for (;;) {
    const input = { ...callContext(run, 0), base: kept.head, append: kept.append.map((message) => message.hash) };
    const done = await step(
      run,
      { kind: 'model', label: `model, turn ${kept.turn}` },
      () => environment.callModel(input, `turn ${kept.turn}: model`),
      (result) => {
        const preview = result.kind === 'wait' ? result.reason : result.messages[0]?.preview;
        return preview === undefined ? {} : { preview };
      },
    );
    if ('failure' in done) throw new RunEnd({ outcome: 'failed', failure: done.failure });
    if (done.result.kind === 'answer') {
      takeAnswer(state, done.result);
      return done.result;
    }
    const { waitUntil, reason } = done.result;
    note(state, { kind: 'wait', label: `waiting: ${reason}` }, environment.now());
    // Slept in the workflow, so that it holds neither a slot nor an attempt. The same key is used again after it.
    await wait(run, () => false, Math.max(MIN_WAIT_MS, waitUntil - environment.now()), reason);
    await untilResumed(run);
  }
}
