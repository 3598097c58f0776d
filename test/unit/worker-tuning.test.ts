// Needs: nothing. What a configuration may say of workers, and what of it reaches the SDK.
import { defineConfig, configSchema, type Config } from '../../activities/define/config';
import { slotOptions, tuningOf } from '../../workers/tuning';

const tuning = (workers: NonNullable<Config['workers']>) =>
  tuningOf(configSchema.parse(defineConfig({ workers })).workers);

test('a drain is a length of time, slots are numbers or shares of the machine', () => {
  expect(tuning({})).toEqual({ drainMs: 10_000, slots: {} });
  expect(tuning({ drain: '25s', slots: { calls: 7 } }).drainMs).toBe(25_000);
  expect(slotOptions(tuning({ slots: { calls: 7, steps: 3 } }))).toEqual({
    maxConcurrentActivityTaskExecutions: 7,
    maxConcurrentWorkflowTaskExecutions: 3,
  });
  expect(slotOptions(tuning({ slots: { memory: 0.8, cpu: 1 } }))).toEqual({
    tuner: { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 1 } },
  });
});

test.each<[unknown, string, RegExp]>([
  [{ drain: 0 }, 'workers.drain', /more than zero/],
  [{ drain: 'soon' }, 'workers.drain', /more than zero/],
  [{ slots: { calls: 0 } }, 'workers.slots.calls', /above zero/],
  [{ slots: { steps: 1 } }, 'workers.slots.steps', /at least 2/],
  [{ slots: { memory: 0.5 } }, 'workers.slots', /memory and cpu are given together/],
  [{ slots: { memory: 0.5, cpu: 0.5, calls: 3 } }, 'workers.slots', /not both/],
  [{ slots: { memory: 80, cpu: 90 } }, 'workers.slots.memory', /at most 1/],
  [{ slot: 1 }, 'workers', /slot/],
])('%j is refused, with its place', (workers, place, said) => {
  const { error } = configSchema.safeParse({ workers });
  expect(error?.issues[0]?.path.join('.')).toBe(place);
  expect(error?.issues[0]?.message).toMatch(said);
});
