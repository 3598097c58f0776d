import { defineAgent, fromFile } from 'longhaul';
import { z } from 'zod';
import { listFiles, readFile, searchText, writeReportTool } from './tools';

/** Answers a question about a folder of text, and cites `path:line` for what it says. */
export const repoAnalyst = defineAgent({
  name: 'repo-analyst',
  description: 'Answers questions about the files of a folder, with path:line for every statement.',
  instructions: fromFile('./instructions.md'),
  input: z.object({
    question: z.string().min(1),
    /** Absolute. */
    dir: z.string(),
  }),
  tools: [listFiles, searchText, readFile, writeReportTool],
  limits: { turns: 20, toolCalls: 80, wall: '15m' },
});
