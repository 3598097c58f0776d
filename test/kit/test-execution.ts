// A run of a test over all its executions, as Temporal would hold it up.
import type { ActivityDeps } from '../../activities/deps';
import type { AgentRunInput, AgentRunResult, CarriedState } from '../../workflows/contract/run';
import type { Run, SubAgentEnd, SubAgentStart } from '../../workflows/core/environment';
import { runAgent } from '../../workflows/core/run-agent';
import { goesOnAs } from '../../workflows/core/take-release';
import { initialState } from '../../workflows/core/run-state';
import { createTestEnvironment, soon, type TestEnvironment } from './test-environment';
import { TestSetupError } from './test-setup-error';
import type { VirtualClock } from './virtual-clock';

export interface ExecutionOptions {
  id: string;
  input: AgentRunInput;
  deps: ActivityDeps;
  clock: VirtualClock;
  /** Asked between turns. Default: never, for a test's history is short. */
  shouldContinueAsNew?(carried: CarriedState): boolean;
  /** What stands in for the runs of sub-agents. @throws by default: a test gives what an agent among the tools answers */
  runSubAgent?(start: SubAgentStart, cancelled: AbortSignal): Promise<SubAgentEnd>;
  /** Told of a run that an execution of before has begun. Default: there is none. @returns whether there was one */
  cancelSubAgent?(id: string): boolean;
}

/** One run over all its executions: each continue-as-new begins another. */
export interface Execution {
  start(): void;
  run(): Run;
  environment(): TestEnvironment;
  /** Resolves when the run waits or has ended. @throws what broke the run, which is no failure of it but a bug */
  settled(): Promise<void>;
  result(): AgentRunResult | undefined;
}

const noSubAgents = ({ input }: SubAgentStart): never => {
  throw new TestSetupError(`agent ${input.agent} is a tool here, whose runs no test starts: replace it in \`tools\`.`);
};

export function createExecution(options: ExecutionOptions): Execution {
  const { id, deps, clock } = options;
  let count = 0;
  let result: AgentRunResult | undefined;
  let broken: { error: unknown } | undefined;
  let current = execute(options.input);

  function execute(input: AgentRunInput): { run: Run; environment: TestEnvironment } {
    count += 1;
    const state = initialState(input, clock.now());
    const environment = createTestEnvironment({
      deps,
      input,
      clock,
      id,
      runId: `${id}-${count}`,
      shouldContinueAsNew: () => options.shouldContinueAsNew?.(state.kept) ?? false,
      runSubAgent: options.runSubAgent ?? noSubAgents,
      cancelSubAgent: (id) => options.cancelSubAgent?.(id) ?? false,
    });
    return { environment, run: { input, state, firstRunId: `${id}-1`, environment: environment.run } };
  }

  async function runToEnd(): Promise<void> {
    for (;;) {
      const ending = await runAgent(current.run);
      if (ending.kind === 'result') {
        result = ending.result;
        return;
      }
      const { environment } = current;
      // A copy, as it is in production, where it crosses the wire: nothing of the old execution reaches the new one.
      current = execute(goesOnAs(current.run.input, structuredClone(ending.carried)));
      environment.wake();
    }
  }

  return {
    start: () => {
      runToEnd()
        .catch((error: unknown) => (broken = { error }))
        .finally(() => current.environment.wake());
    },
    run: () => current.run,
    environment: () => current.environment,
    result: () => result,
    settled: async () => {
      for (;;) {
        await soon();
        if (broken) throw broken.error;
        if (result || current.environment.isWaiting()) return;
        await current.environment.changed();
      }
    },
  };
}
