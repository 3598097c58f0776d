// All pages and forms there are.
import { agentPage, agentsPage, releasePage, releasesPage } from './agents-page';
import { callPage, diffPage } from './call-page';
import { conversationPage } from './conversation-page';
import { costCsvFile, costPage } from './cost-page';
import { inboxPage } from './inbox-page';
import type { FormPlace, ShownPlace } from './place';
import { queuesPage } from './queues-page';
import { answerForm } from './request-forms';
import { RUN_FORMS } from './run-forms';
import { runPage } from './run-page';
import { runsPage } from './runs-page';

export const PAGES: readonly ShownPlace[] = [
  ...[runsPage, runPage, conversationPage, callPage, diffPage, inboxPage],
  ...[queuesPage, costPage, costCsvFile],
  ...[agentsPage, agentPage, releasesPage, releasePage],
];

export const FORMS: readonly FormPlace[] = [answerForm, ...RUN_FORMS];
