// Needs: nothing. What a step looks like once it is over: a tick is for what was done.
import { createColors } from 'picocolors';
import { createLiveSteps } from '../../client/cli/live-steps';
import type { Step } from '../../workflows/contract/run';

const REASON = 'the quota of a/x is used up: 2 requests a minute; it waits until 12:00:17 UTC';

test.each([
  [{ preview: 'yes' }, '✓ model, turn 1  113 ms  yes\n'],
  [{ preview: REASON, unanswered: true as const }, `– model, turn 1  113 ms  ${REASON}\n`],
  [{ kind: 'wait' as const, label: `waiting: ${REASON}`, endedAt: 1_000 }, `… waiting: ${REASON}  0 ms\n`],
  [{ state: 'failed' as const, preview: 'Model.Timeout' }, '✗ model, turn 1  113 ms  Model.Timeout\n'],
])('%j', (of: Partial<Step>, line) => {
  let written = '';
  const live = createLiveSteps({
    ...{ write: (text: string) => void (written += text), columns: () => 200 },
    ...{ colors: createColors(false), interactive: false },
  });
  const step: Step = { seq: 1, kind: 'model', label: 'model, turn 1', state: 'done', startedAt: 1_000, endedAt: 1_113 };
  live.show({ ...step, ...of });
  expect(written).toBe(line);
});

describe('a wait', () => {
  const written = (interactive: boolean): string => {
    let text = '';
    const live = createLiveSteps({
      ...{ write: (more: string) => void (text += more), columns: () => 20 },
      ...{ colors: createColors(false), interactive },
    });
    live.wait('1,000 records read');
    live.wait('2,000 records read, and more than a line');
    live.above(() => void (text += 'what stays\n'));
    live.close();
    return text;
  };
  const GONE = '\u001b[1A\u001b[J';

  test('is one line of a terminal, which goes with the next that stays', () =>
    expect(written(true)).toBe(`1,000 records read\n${GONE}2,000 records read…\n${GONE}what stays\n`));
  test('is nothing elsewhere', () => expect(written(false)).toBe('what stays\n'));
});
