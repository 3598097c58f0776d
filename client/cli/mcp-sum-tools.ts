// Tools of `longhaul mcp` that sum runs up: cost, profiles, scores, findings.
import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { COST_BY } from '../cost/run-costs';
import { age } from './age-option';
import { costCommand } from './commands/cost';
import { findingsCommand } from './commands/findings';
import { profileCommand } from './commands/profile';
import { scoresCommand } from './commands/score';
import { cursor, READ_ONLY, since } from './mcp-fields';
import type { Answer } from './mcp-tools';

export function offerSums(server: McpServer, answer: Answer, tenant: string | undefined): void {
  const ofTenant = tenant === undefined ? {} : { tenant };
  server.registerTool(
    'cost',
    {
      title: 'What runs have cost',
      description:
        'Tokens and cost of runs by agent, release, tenant, user, model or day, the dearest first. nanoUsd is billionths of a dollar; "unknown" counts requests whose price nobody knows; "inVain" is the part of requests that brought no answer.',
      inputSchema: z.strictObject({
        by: z.array(z.enum(COST_BY)).min(1).max(COST_BY.length).optional().describe('["agent"] if not given.'),
        since,
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ by = ['agent'], since: within, cursor: at }) =>
      await answer(at, [], (context) =>
        costCommand(context, {
          by: [...new Set(by)],
          ...ofTenant,
          ...(within === undefined ? {} : { since: age(within) }),
        }),
      ),
  );
  server.registerTool(
    'profile',
    {
      title: 'How an agent behaves',
      description:
        'Of the runs of an agent by percentiles: time, waiting, turns, calls, context by turn, tokens, cost, failures by tool and type, answers that could not be used and what followed, and the limits that would fit. Use it to say what is usual before you call a run unusual.',
      inputSchema: z.strictObject({
        agent: z.string().max(200),
        release: z.string().max(64).optional(),
        since,
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ agent, release, since: within = '30d', cursor: at }) =>
      await answer(at, [], (context) =>
        profileCommand(context, agent, {
          ...{ since: age(within), ...ofTenant },
          ...(release === undefined ? {} : { release }),
        }),
      ),
  );
  server.registerTool(
    'scores',
    {
      title: 'What people, rules and judges think of runs',
      description:
        'Scores of runs and of single calls, newest first: name, value, by whom, why. "below" finds the bad ones; no counts as 0, yes as 1.',
      inputSchema: z.strictObject({
        agent: z.string().max(200).optional(),
        name: z.string().max(60).optional().describe('Of the score.'),
        below: z.number().optional(),
        since,
        limit: z.number().int().min(1).max(100).optional().describe('20 if not given.'),
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ agent, name, below, since: within, limit = 20, cursor: at }) =>
      await answer(at, [], (context) =>
        scoresCommand(context, {
          ...{ limit, ...ofTenant },
          ...(agent === undefined ? {} : { agent }),
          ...(name === undefined ? {} : { name }),
          ...(below === undefined ? {} : { below }),
          ...(within === undefined ? {} : { since: age(within) }),
        }),
      ),
  );
  offerFindings(server, answer, ofTenant);
}

function offerFindings(server: McpServer, answer: Answer, ofTenant: { tenant?: string }): void {
  server.registerTool(
    'findings',
    {
      title: 'Where agents behave otherwise than they did',
      description:
        'What the watch has found, newest first: the metric that changed, from what to what, how likely that is by chance, what else changed with it ("also"), and the runs that show it most. "of" is "run" where single runs are unlike the others. Read those runs with "trace" to say why.',
      inputSchema: z.strictObject({
        agent: z.string().max(200).optional(),
        limit: z.number().int().min(1).max(100).optional().describe('20 if not given.'),
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ agent, limit = 20, cursor: at }) =>
      await answer(at, [], (context) =>
        findingsCommand(context, { limit, ...ofTenant, ...(agent === undefined ? {} : { agent }) }),
      ),
  );
}
