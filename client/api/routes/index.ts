// All there is to ask for, in the order of the document.
import type { Route } from '../route';
import { agentRoutes } from './agents';
import { interventionRoutes } from './interventions';
import { requestRoutes } from './requests';
import { responseRoutes } from './responses';
import { runRoutes } from './runs';
import { startRoute } from './start';

export const ROUTES: readonly Route[] = [
  startRoute,
  ...runRoutes,
  ...interventionRoutes,
  ...requestRoutes,
  ...agentRoutes,
  ...responseRoutes,
];
