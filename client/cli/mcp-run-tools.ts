// Tools of `longhaul mcp` that look at runs: list, show, trace, diff.
import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { runRecordName } from '../../activities/store/ref-names';
import { OUTCOMES } from '../../workflows/contract/run';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { ClientError } from '../errors';
import { isRunId } from '../run-labels';
import { diffCommand } from './commands/diff';
import { listCommand } from './commands/list';
import { showCommand } from './commands/show';
import { traceCommand } from './commands/trace';
import { cursor, READ_ONLY } from './mcp-fields';
import type { Answer, Command } from './mcp-tools';

const run = z.string().max(1_000).describe('Id of a run, as "list" gives it.');
const call = z.number().int().min(1).optional();
const turn = z.number().int().min(1).max(1_000_000);

type Known = (...ids: string[]) => Command;

export function offerRuns(server: McpServer, answer: Answer, tenant: string | undefined): void {
  const known: Known = (...ids) => knownRuns(tenant, ids);
  offerListAndShow(server, answer, known, tenant);
  offerTraceAndDiff(server, answer, known);
}

function offerListAndShow(server: McpServer, answer: Answer, known: Known, tenant: string | undefined): void {
  server.registerTool(
    'list',
    {
      title: 'Runs, newest first',
      description:
        'Runs with agent, status, outcome, reason of a failure, times in milliseconds since 1970, turns, tokens, cost in billionths of a dollar (nanoUsd), and the question. ' +
        '"more" says that there are older ones: give the last id as "before".',
      inputSchema: z.strictObject({
        agent: z.string().max(200).optional().describe('Only runs of this agent.'),
        outcome: z.enum(OUTCOMES).optional().describe('Only runs that ended so.'),
        open: z.boolean().optional().describe('Only runs that have not ended.'),
        subAgents: z.boolean().optional().describe('Runs of sub-agents too.'),
        before: run.optional().describe('Only runs that began before this one.'),
        limit: z.number().int().min(1).max(100).optional().describe('20 if not given.'),
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ cursor: at, limit = 20, before, agent, outcome, open, subAgents }) =>
      await answer(at, before === undefined ? [] : [known(before)], (context) =>
        listCommand(context, {
          limit,
          ...(tenant === undefined ? {} : { tenant }),
          ...(before === undefined ? {} : { before }),
          ...(agent === undefined ? {} : { agent }),
          ...(outcome === undefined ? {} : { outcome }),
          ...(open === undefined ? {} : { open }),
          ...(subAgents === undefined ? {} : { subAgents }),
        }),
      ),
  );
  server.registerTool(
    'show',
    {
      title: 'One run, or one call of it in full',
      description:
        'What a run is and what it answered: status, release, model, limits, totals, answer or failure, what it asked people. ' +
        'With "call" one call of it, by its number in "trace": everything that the model or tool was given, and all that it answered. ' +
        'With "transcript" the whole conversation. Nothing is left out: what is long comes in pages.',
      inputSchema: z.strictObject({
        run,
        call: call.describe('Number of a call in "trace".'),
        transcript: z.boolean().optional().describe('The whole conversation instead.'),
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ run: id, call: number, transcript, cursor: at }) =>
      await answer(at, [known(id)], (context) =>
        showCommand(context, id, {
          ...(number === undefined ? {} : { call: number }),
          ...(transcript === undefined ? {} : { transcript }),
        }),
      ),
  );
}

function offerTraceAndDiff(server: McpServer, answer: Answer, known: Known): void {
  server.registerTool(
    'trace',
    {
      title: 'The calls of a run',
      description:
        'All calls of a run as a tree: model calls, tool calls, summaries of the context, what people were asked, runs of sub-agents under the call that began them. ' +
        'Each with its number, time, duration, attempts, tokens, cost, failure, and the beginning of what it was asked and answered. Use it to find the call that went wrong.',
      inputSchema: z.strictObject({
        run,
        turns: z
          .strictObject({ from: turn, to: turn })
          .refine(({ from, to }) => from <= to, 'from is behind to')
          .optional()
          .describe('Only these turns of a long run, both included.'),
        cursor,
      }),
      annotations: READ_ONLY,
    },
    async ({ run: id, turns, cursor: at }) =>
      await answer(at, [known(id)], (context) => traceCommand(context, id, turns ? { turns } : {})),
  );
  server.registerTool(
    'diff',
    {
      title: 'Where two runs differ first',
      description:
        'The first step at which two runs differ, and in what: what it was given, what it answered, the release, the tool. Of a fork, what its origin did before counts as its own.',
      inputSchema: z.strictObject({ run, other: run, cursor }),
      annotations: READ_ONLY,
    },
    async ({ run: id, other, cursor: at }) =>
      await answer(at, [known(id, other)], (context) => diffCommand(context, id, other)),
  );
}

/** With a tenant an id must be whole: that a beginning fits several would tell of another's runs. */
const knownRuns =
  (tenant: string | undefined, ids: readonly string[]): Command =>
  async (context) => {
    if (tenant === undefined) return 0;
    const store = context.readStore();
    for (const id of ids) {
      const ref = isRunId(id) ? await store.readRef(runRecordName(id)) : undefined;
      if (runRecordSchema.safeParse(ref?.value).data?.tenant !== tenant)
        throw new ClientError(
          'run-not-found',
          `there is no run ${JSON.stringify(id.slice(0, 80))}: "list" has those there are.`,
        );
    }
    return 0;
  };
