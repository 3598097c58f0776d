// What tools of `longhaul mcp` have in common.
import { z } from 'zod';
import { ageQuery } from '../api/age-query';

export const READ_ONLY = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

export const cursor = z
  .string()
  .max(200)
  .optional()
  .describe('Of an answer that had more than one page: as that page gave it. Everything else must be the same.');

export const since = ageQuery.optional().describe('Only of the time since, such as "7d".');
