// Needs Temporal's time-skipping test server. Rollouts of days, with activities that stand in for the world: how often it looks, and what
// becomes of a window that ends without a verdict, and of shares, looks, ends and records that fail.
import { ApplicationFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { USUAL_POLICY } from '../../activities/rollout/policy';
import type {
  LookInput,
  LookResult,
  RolloutActivities,
  RolloutEnd,
  RolloutInput,
  RolloutKept,
  ShareResult,
} from '../../workflows/contract/rollout';
import { SIGNAL_NAMES, WORKFLOW_TYPES } from '../../workflows/contract/names';
import { workflowBundle } from '../../workers/workflow-bundle';
import { timeSkippingServer } from '../stack/test-server';

jest.setTimeout(240_000);

const DAY = 86_400_000;
let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await timeSkippingServer() } },
  });
});
afterAll(() => env.teardown());

interface Played {
  end: RolloutEnd;
  kept: RolloutKept[];
  /** When it looked. */
  looks: { input: LookInput; at: number }[];
  changes: string[];
}

/** @param judge what each look comes to @param before what a stand-in does first: it may throw, or answer in its place */
async function play(
  name: string,
  about: Partial<RolloutInput>,
  judge: (look: LookInput) => LookResult | Promise<LookResult>,
  before: {
    share?(nth: number): Promise<void> | void;
    end?(nth: number): Promise<ShareResult | undefined> | undefined;
    keep?(nth: number): void;
  } = {},
): Promise<Played> {
  const [kept, looks, changes]: [RolloutKept[], Played['looks'], string[]] = [[], [], []];
  const now = (): Promise<number> => env.currentTimeMs();
  const asked = { share: 0, end: 0, keep: 0 };
  const activities: RolloutActivities = {
    setRolloutShare: async ({ share, by }) => {
      await before.share?.((asked.share += 1));
      changes.push(`${100 * share} % by ${by}`);
      return { kind: 'set', at: await now(), epoch: changes.length };
    },
    judgeRollout: async (input) => {
      looks.push({ input, at: await now() });
      return await judge(input);
    },
    endRollout: async ({ as, by }) => {
      const instead = await before.end?.((asked.end += 1));
      if (instead) return instead;
      changes.push(`${as} by ${by}`);
      return { kind: 'set', at: await now(), epoch: changes.length };
    },
    keepRollout: async (one) => {
      before.keep?.((asked.keep += 1));
      kept.push(one);
    },
  };
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: name,
    workflowBundle: await workflowBundle(),
    activities: { ...activities },
  });
  const input: RolloutInput = {
    ...{ schemaVersion: 1, id: name, agent: 'teller', from: 'a', release: 'b', by: 'ada', epoch: 0, sticky: 'run' },
    ...{ policy: { ...USUAL_POLICY, windowDays: 3 }, inconclusive: 'withdraw', everyMs: 1_800_000 },
    ...about,
  };
  const end = await worker.runUntil(() =>
    env.client.workflow.execute<(input: RolloutInput) => Promise<RolloutEnd>>(WORKFLOW_TYPES.agentRollout, {
      ...{ workflowId: name, taskQueue: name, args: [input] },
    }),
  );
  return { end, kept, looks, changes };
}
const looked = (decision: Extract<LookResult, { kind: 'looked' }>['decision'], tookMs = 5): LookResult => ({
  ...{ kind: 'looked', decision, headline: `${decision}.`, tookMs },
});

test('a window that ends without a verdict is over when it is, and the candidate is taken back', async () => {
  const { end, looks, changes, kept } = await play('window', {}, ({ isOver }) =>
    looked(isOver ? 'inconclusive' : 'wait'),
  );
  expect(end).toMatchObject({ as: 'withdrawn', because: 'inconclusive', by: 'rollout window', why: 'inconclusive.' });
  expect(changes).toEqual(['1 % by ada', 'withdrawn by rollout window']);
  // Every half hour for three days.
  expect(looks.length).toBeGreaterThan(140);
  expect(looks.length).toBeLessThan(148);
  const [first, last] = [looks[0]?.at ?? 0, looks.at(-1)?.at ?? 0];
  expect(last - first).toBeGreaterThan(2.9 * DAY);
  expect(kept.at(-1)).toMatchObject({ ended: { because: 'inconclusive' }, looks: looks.length });
});

test('by its policy it takes over instead', async () => {
  const { end } = await play('takes-over', { inconclusive: 'promote', everyMs: 3_600_000 }, ({ isOver }) =>
    looked(isOver ? 'inconclusive' : 'wait'),
  );
  expect(end).toMatchObject({ as: 'promoted', because: 'inconclusive' });
});

test('it goes through its steps, and a look that takes long is followed by a longer rest', async () => {
  let step = 0;
  const { end, changes, looks } = await play('steps', { everyMs: 1_000 }, () => {
    step += 1;
    return looked(step < 4 ? 'advance' : 'promote', 60_000);
  });
  expect(end).toMatchObject({ as: 'promoted', because: 'fine' });
  expect(changes).toEqual([
    '1 % by ada',
    ...[5, 25, 50].map((share) => `${share} % by rollout steps`),
    'promoted by rollout steps',
  ]);
  expect(looks.map(({ input }) => input.number)).toEqual([1, 2, 3, 4]);
});

test('a look that keeps failing pauses it, and it goes on when it can be looked at again', async () => {
  let failed = 0;
  const { end, kept } = await play('blind', {}, () => {
    failed += 1;
    if (failed <= 5) throw ApplicationFailure.create({ type: 'Store.Unavailable', message: 'the store is away' });
    return looked(failed === 6 ? 'wait' : 'withdraw');
  });
  expect(end).toMatchObject({ as: 'withdrawn', because: 'worse' });
  expect(kept.map(({ paused }) => paused?.because ?? 'no')).toEqual(['no', 'unseen', 'no', 'no']);
  expect(kept[1]?.paused?.why).toContain('the store is away');
});

/** No further attempt would do it. */
const gone = (): ApplicationFailure =>
  ApplicationFailure.create({ type: 'Store.KeyMissing', message: 'the key is gone', nonRetryable: true });
const say = (name: string, signal: string, why: string): Promise<void> =>
  env.client.workflow.getHandle(name).signal(signal, { by: 'bob', why });

test('a first share that cannot be put is a rollout that never began, and says why', async () => {
  const { end, changes, kept, looks } = await play('no-share', {}, () => looked('wait'), {
    share: () => {
      throw gone();
    },
  });
  expect(end).toMatchObject({ as: 'refused', by: 'rollout no-share', why: 'the key is gone' });
  expect([changes, looks]).toEqual([[], []]);
  expect(kept.at(-1)).toMatchObject({ steps: [], ended: { as: 'refused' } });
});

test('a share is tried until the store is back; a later one that cannot be put pauses it until somebody says', async () => {
  const { end, changes, kept } = await play(
    'shares',
    {},
    async ({ number }) => {
      if (number === 3) await say('shares', SIGNAL_NAMES.resumeRollout, 'the key is back');
      return looked(number < 5 ? 'advance' : 'withdraw');
    },
    {
      share: (nth) => {
        if (nth <= 2) throw ApplicationFailure.create({ type: 'Store.Unavailable', message: 'the store is away' });
        if (nth === 4) throw gone();
      },
    },
  );
  expect(end).toMatchObject({ as: 'withdrawn', because: 'worse' });
  // Looked at thrice, it takes its second step once it is resumed.
  expect(changes.slice(0, 2)).toEqual(['1 % by ada', '5 % by rollout shares']);
  expect(kept.find(({ paused }) => paused)?.paused).toMatchObject({
    ...{ because: 'traffic', by: 'rollout shares', why: 'the key is gone' },
  });
  expect(kept.at(-1)?.steps.map(({ share }) => share)).toEqual(changes.slice(0, -1).map((one) => parseInt(one) / 100));
});

test('an end that cannot be written leaves new runs what they take, and the next look asks for it again', async () => {
  const { end, changes, kept } = await play('ends', {}, () => looked('withdraw'), {
    end: (nth) => {
      if (nth === 1) throw gone();
      return undefined;
    },
  });
  expect(changes).toEqual(['1 % by ada', 'withdrawn by rollout ends']);
  expect(kept.find(({ paused }) => paused)).toMatchObject({ paused: { because: 'traffic', why: 'the key is gone' } });
  expect(end).toMatchObject({ as: 'withdrawn', because: 'worse' });
});

test('an abort that came while a promotion was being refused is not forgotten', async () => {
  const { end, changes, kept } = await play('aborted', {}, () => looked('promote'), {
    end: async (nth) => {
      if (nth > 1) return undefined;
      await say('aborted', SIGNAL_NAMES.abortRollout, 'no');
      return { kind: 'refused', why: 'its release cannot be read' };
    },
  });
  expect(end).toMatchObject({ as: 'withdrawn', because: 'person', by: 'bob', why: 'no' });
  expect(changes).toEqual(['1 % by ada', 'withdrawn by bob']);
  expect(kept.at(-1)?.told).toEqual([expect.not.objectContaining({ isLate: true })]);
});

test('a record that cannot be written is written later, and nothing of the rollout waits for ever', async () => {
  const { end, kept, changes } = await play('keeps', {}, ({ number }) => looked(number < 2 ? 'wait' : 'withdraw'), {
    keep: (nth) => {
      if ([1, 2, 4].includes(nth)) throw gone();
    },
  });
  expect(end).toMatchObject({ as: 'withdrawn', because: 'worse' });
  expect(changes).toEqual(['1 % by ada', 'withdrawn by rollout keeps']);
  expect(kept.at(-1)).toMatchObject({ ended: { as: 'withdrawn' } });
});
