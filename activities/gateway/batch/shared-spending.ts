// What a shared call takes, told to the tasks that it is for.
import type { Usage } from '../../../workflows/contract/message';
import type { Spending } from '../money/spending';
import type { ToSend } from '../send-request';
import { splitUsage } from './split-usage';

/** In even parts where nothing came back; of an answer each is told its own part, by who shares it out. */
export function sharedSpending(tasks: readonly { toSend: ToSend }[]): Spending {
  const ofEach = 1 / tasks.length;
  const ofEachTask = (usage: Usage, count: (spending: Spending, part: Usage) => void): void => {
    const parts = evenParts(usage, tasks.length);
    tasks.forEach(({ toSend }, at) => {
      const part = parts[at];
      // Who has left was told when it did.
      if (part && !toSend.call.signal.aborted) count(toSend.spending, part);
    });
  };
  return {
    begins: (route, request) => {
      for (const { toSend } of tasks)
        toSend.spending.begins(
          route,
          {
            get input() {
              return Math.round(request.input / tasks.length);
            },
          },
          ofEach,
        );
    },
    // One that has no money for its part is asked alone, and refused there; the others are not kept from theirs.
    allows: (route, request, held) => {
      const parts = held && evenParts(held.response.usage, tasks.length);
      tasks.forEach(({ toSend }, at) => {
        const usage = parts?.[at];
        const part = held && usage && { route: held.route, response: { usage } };
        toSend.spending.allows(route, { input: Math.round(request.input / tasks.length) }, part);
      });
      return undefined;
    },
    lost: (route, usage) => ofEachTask(usage, (spending, part) => spending.lost(route, part, ofEach)),
    wasted: (route, usage) => ofEachTask(usage, (spending, part) => spending.wasted(route, part, ofEach)),
    answered: () => ({ nanoUsd: 0 }),
    keeps: () => undefined,
    // As with an answer: the first says it for all.
    failed: (tried) => tasks[0]?.toSend.spending.failed(tried),
    failedBefore: () => [],
    unanswered: () => ({}),
    keptInVain: () => undefined,
    inVain: () => ({}),
  };
}

const evenParts = (usage: Usage, tasks: number): Usage[] =>
  splitUsage(
    usage,
    Array.from({ length: tasks }, () => ({ input: 1, output: 1 })),
  );
