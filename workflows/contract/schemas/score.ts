// What somebody thinks of a run, or of one call of it, as a ref's value: kept beside the run, and gone with it.
import { z } from 'zod';

export const SCORE_SOURCES = ['person', 'rule', 'judge'] as const;
export const SCORE_NAME = /^[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*$/;
export const SCORE_NAME_CHARS = 60;
export const SCORE_BY_CHARS = 200;
export const SCORE_NOTE_CHARS = 2_000;
export const SCORE_CATEGORY_CHARS = 100;
export const SCORE_CATEGORIES_MAX = 50;
export const SCORE_KEY_CHARS = 255;

const about = {
  schemaVersion: z.literal(1),
  run: z.string(),
  agent: z.string(),
  release: z.string(),
  tenant: z.string(),
  /** Absent of the whole run. The number is that of the trace when it was scored. */
  call: z.object({ number: z.number(), fork: z.number(), turn: z.number(), index: z.number() }).exactOptional(),
  name: z.string(),
  /** Who has judged: a person, a program or a model, by whatever it is called. */
  by: z.string(),
  source: z.enum(SCORE_SOURCES),
  note: z.string().exactOptional(),
  /** By which it was given once. */
  key: z.string().exactOptional(),
  /** Milliseconds since the epoch: when it was given, or given anew. */
  at: z.number(),
};

export const scoreSchema = z.discriminatedUnion('kind', [
  z.object({
    ...about,
    kind: z.literal('number'),
    value: z.number(),
    /** What it may be at least and at most. */
    range: z.object({ least: z.number(), most: z.number() }),
  }),
  z.object({ ...about, kind: z.literal('boolean'), value: z.boolean() }),
  z.object({
    ...about,
    kind: z.literal('category'),
    value: z.string(),
    /** What it may be, where that was said. */
    categories: z.array(z.string()).exactOptional(),
  }),
]);
export type Score = z.output<typeof scoreSchema>;
