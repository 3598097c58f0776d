// All there is to ask for, in the order of the document.
import type { Route } from '../route';
import { agentRoutes } from './agents';
import { callRoutes } from './calls';
import { costRoute } from './cost';
import { profileRoute } from './profile';
import { scoreRoutes } from './scores';
import { findingRoutes } from './findings';
import { interventionRoutes } from './interventions';
import { messageRoutes } from './messages';
import { queueRoutes } from './queues';
import { agentReleaseRoutes } from './releases';
import { requestRoutes } from './requests';
import { responseRoutes } from './responses';
import { rolloutRoutes } from './rollouts';
import { runRoutes } from './runs';
import { sessionRoutes } from './sessions';
import { startRoute } from './start';
import { traceRoutes } from './traces';

export const ROUTES: readonly Route[] = [
  startRoute,
  ...runRoutes,
  ...traceRoutes,
  ...callRoutes,
  ...interventionRoutes,
  ...requestRoutes,
  ...messageRoutes,
  ...sessionRoutes,
  ...queueRoutes,
  costRoute,
  ...scoreRoutes,
  ...agentRoutes,
  ...agentReleaseRoutes,
  ...rolloutRoutes,
  profileRoute,
  ...findingRoutes,
  ...responseRoutes,
];
