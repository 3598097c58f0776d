// All pages and forms there are.
import { agentPage } from './agent-page';
import { agentsPage, releasePage, releasesPage } from './agents-page';
import { callPage, sentFiles } from './call-page';
import { conversationPage } from './conversation-page';
import { costCsvFile, costPage } from './cost-page';
import { diffPage } from './diff-page';
import { inboxPage } from './inbox-page';
import type { FormPlace, ShownPlace } from './place';
import { queuesPage } from './queues-page';
import { answerForm } from './request-forms';
import { ROLLOUT_FORMS, rolloutPage } from './rollout-page';
import { RUN_FORMS } from './run-forms';
import { runPage } from './run-page';
import { runsPage } from './runs-page';
import { scoreForm } from './scores';

export const PAGES: readonly ShownPlace[] = [
  ...[runsPage, runPage, conversationPage, callPage, ...sentFiles, diffPage, inboxPage],
  ...[queuesPage, costPage, costCsvFile],
  ...[agentsPage, agentPage, releasesPage, releasePage, rolloutPage],
];

export const FORMS: readonly FormPlace[] = [answerForm, scoreForm, ...RUN_FORMS, ...ROLLOUT_FORMS];
