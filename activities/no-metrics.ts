// For whoever makes activities and counts nothing.
import type { ActivityMetrics } from './deps';

const nothing = (): void => undefined;

export const NO_METRICS: ActivityMetrics = {
  ...{ modelCall: nothing, modelSpent: nothing, toolCall: nothing, runEnded: nothing, reused: nothing },
  ...{ stepBegun: nothing, attemptFailed: nothing, quotaWaited: nothing, loopFound: nothing, requestDecided: nothing },
  ...{ cached: nothing, failedOver: nothing, routeTurned: nothing, batchSent: nothing, askedAlone: nothing },
};
