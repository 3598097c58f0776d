// What an alias of models stands for: one model, several in order of preference, or a route with weights and patience.
import { z } from 'zod';
import { DIVERTED_ANSWERS, type RoutePlan } from '../../workflows/contract/release';
import { durationMs, type Duration } from './duration';

const duration = z.custom<Duration>(isDuration, {
  error: ({ input }) => `"${String(input)}" is not a positive duration: write milliseconds or text such as "2s"`,
});
const entry = z.union([
  z.string(),
  z.strictObject({
    model: z.string(),
    /** Of runs, how many ask it first, beside the weights of the others. */
    weight: z.number().positive().optional(),
  }),
]);

export const routeSchema = z.union([
  z.string(),
  z.array(z.string()).min(1),
  z.strictObject({
    /** In order of preference; with a weight on any of them each run draws its own order, and keeps it. One without has 1. */
    route: z.array(entry).min(1),
    /** A wait for quota above it goes to the next one. @default as long as a call waits by itself */
    spillOver: duration.optional(),
    /** An answer whose first token takes longer is asked of the next one. @default learned, from 2 s on */
    firstTokenWithin: duration.optional(),
    /** Answers that are asked of the next one too: `Model.ContentFiltered`, `Model.Refused`. */
    divertOn: z.array(z.enum(DIVERTED_ANSWERS)).optional(),
  }),
]);
export type RouteOptions = z.output<typeof routeSchema>;

function isDuration(value: unknown): boolean {
  if (typeof value !== 'number' && typeof value !== 'string') return false;
  try {
    // A string that is not one is refused there.
    durationMs(value as Duration, 'duration');
    return true;
  } catch {
    return false;
  }
}

export interface ResolvedRoute {
  models: string[];
  plan?: RoutePlan;
}

/** @throws Error in one line, of a name that is no model or stands there twice */
export function resolvedRoute(options: RouteOptions): ResolvedRoute {
  const given = typeof options === 'string' ? [options] : Array.isArray(options) ? options : options.route;
  const models = given.map((one) => (typeof one === 'string' ? one : one.model));
  for (const [at, name] of models.entries()) {
    if (!isModelName(name)) throw new Error(`"${name}" is not a model: write provider/model.`);
    if (models.indexOf(name) !== at) throw new Error(`"${name}" stands there twice.`);
  }
  if (typeof options === 'string' || Array.isArray(options)) return { models };
  const weights = options.route.map((one) => (typeof one === 'string' ? undefined : one.weight));
  const { spillOver, firstTokenWithin, divertOn = [] } = options;
  const plan: RoutePlan = {
    ...(weights.some((weight) => weight !== undefined) ? { weights: weights.map((weight) => weight ?? 1) } : {}),
    ...(spillOver === undefined ? {} : { spillOverMs: durationMs(spillOver, 'spillOver') }),
    ...(firstTokenWithin === undefined ? {} : { firstTokenWithinMs: durationMs(firstTokenWithin, 'firstTokenWithin') }),
    ...(divertOn.length === 0 ? {} : { divertOn }),
  };
  return Object.keys(plan).length === 0 ? { models } : { models, plan };
}

export function isModelName(name: string): boolean {
  const slash = name.indexOf('/');
  return slash > 0 && slash < name.length - 1;
}

/** One line, for people. */
export function routeText(models: readonly string[], plan: RoutePlan | undefined): string {
  const { weights, spillOverMs, firstTokenWithinMs, divertOn } = plan ?? {};
  const named = models.map((model, at) => (weights ? `${model} × ${weights[at] ?? 1}` : model)).join(', ');
  const terms = [
    ...(spillOverMs === undefined ? [] : [`spills over after ${spillOverMs} ms`]),
    ...(firstTokenWithinMs === undefined ? [] : [`first token within ${firstTokenWithinMs} ms`]),
    ...(divertOn ? [`diverts on ${divertOn.join(', ')}`] : []),
  ];
  return [named, ...terms].join('; ');
}
