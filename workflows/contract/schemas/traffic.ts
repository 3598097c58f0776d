// Which release new runs of an agent take, who changed that, and what is known of a release that somebody released, as the store has them.
import { z } from 'zod';
import { READS_OF_SHADOWS } from './shadow';

/** Shares are of so many: hundredths of a per cent. */
export const WHOLE_SHARE = 10_000;

/** By what runs are kept to one of the two releases of a rollout. */
export const STICKY = ['tenant', 'session', 'run'] as const;
export type Sticky = (typeof STICKY)[number];

const candidateSchema = z.object({
  release: z.string(),
  /** Of new runs, of WHOLE_SHARE. */
  share: z.number().int().min(0).max(WHOLE_SHARE),
  /** Id of the rollout, which its runs are counted by. */
  rollout: z.string(),
  /** Of another rollout other runs are the first. */
  salt: z.string(),
  sticky: z.enum(STICKY),
});
export type Candidate = z.output<typeof candidateSchema>;

const shadowingSchema = z.object({
  release: z.string(),
  /** Of new runs, of WHOLE_SHARE. */
  share: z.number().int().min(1).max(WHOLE_SHARE),
  /** Tells its shadows from those of another time. */
  id: z.string(),
  sticky: z.enum(STICKY),
  reads: z.enum(READS_OF_SHADOWS),
  /** Whether the run's own release shadows it too: what differs then is noise. */
  floor: z.boolean(),
  /** Shadows of the agent at once. */
  atOnce: z.number().int().min(1),
  /** What they may use in a day (UTC). Absent: not limited. */
  nanoUsdADay: z.number().exactOptional(),
  tokensADay: z.number().exactOptional(),
});
export type Shadowing = z.output<typeof shadowingSchema>;

/** The one thing that a start reads. A version that knows no rollouts reads `release`, the current one. */
export const agentPointerSchema = z.object({
  agent: z.string(),
  release: z.string(),
  at: z.number(),
  /** Number of the change that it stands as: absent until somebody has made one by command. */
  epoch: z.number().exactOptional(),
  /** Workers leave it alone: it is changed by command. */
  managed: z.literal(true).exactOptional(),
  /** What a rollback goes back to. Absent after one. */
  previous: z.string().exactOptional(),
  candidate: candidateSchema.exactOptional(),
  /** A share of the runs is shadowed. Whoever does not know it runs none. */
  shadow: shadowingSchema.exactOptional(),
  /** Taken back, and not released again since: no waiting message goes on with one. */
  withdrawn: z.array(z.string()).exactOptional(),
});
export type AgentPointer = z.output<typeof agentPointerSchema>;

export const TRAFFIC_CHANGES = [
  'release',
  'candidate',
  'promote',
  'withdraw',
  'rollback',
  'shadow',
  'unshadow',
] as const;

const trafficState = z.object({
  release: z.string(),
  candidate: candidateSchema.omit({ salt: true }).exactOptional(),
  shadow: shadowingSchema.exactOptional(),
});
export type TrafficState = z.output<typeof trafficState>;

/** One change of the pointer, written together with it. */
export const trafficRecordSchema = z.object({
  schemaVersion: z.literal(1),
  agent: z.string(),
  epoch: z.number(),
  at: z.number(),
  by: z.string(),
  why: z.string().exactOptional(),
  change: z.enum(TRAFFIC_CHANGES),
  /** Absent where no run of it could be started. */
  before: trafficState.exactOptional(),
  after: trafficState,
  /** Ed25519, in base64, over all the rest: by a person's key, as decisions are. */
  signature: z.string().exactOptional(),
});
export type TrafficRecord = z.output<typeof trafficRecordSchema>;

/** A release that somebody has released by command. */
export const registeredReleaseSchema = z.object({
  schemaVersion: z.literal(1),
  agent: z.string(),
  release: z.string(),
  at: z.number(),
  by: z.string(),
  name: z.string().exactOptional(),
  note: z.string().exactOptional(),
  /** SHA-256 of the bundled code of each tool's file. Beside the manifest, whose `code` is that of all of it. */
  tools: z.record(z.string(), z.string()).exactOptional(),
  /** Nobody has released it: it was saved while `dev` served it, and is forgotten after a week. */
  saved: z.literal(true).exactOptional(),
});
export type RegisteredRelease = z.output<typeof registeredReleaseSchema>;

/** What one worker process can run, until it expires. */
export const servingSchema = z.object({
  schemaVersion: z.literal(1),
  worker: z.string(),
  at: z.number(),
  /** By the agent's name: the releases whose code is loaded, the newest at the end. */
  releases: z.record(z.string(), z.array(z.string())),
  /** Runs no release with the code of another. */
  strict: z.boolean(),
  /** Whose calls it makes. Absent where an older worker tells. */
  toolboxes: z.array(z.string()).exactOptional(),
  /** It keeps what a shadow asks for from being done. Absent where an older worker tells: that takes a shadow for a run, and does it. */
  shadows: z.literal(true).exactOptional(),
  /** Of a worker of a production deployment: what its orchestration code is called there, and its hash. */
  build: z.object({ deployment: z.string(), build: z.string(), code: z.string() }).exactOptional(),
});
export type Serving = z.output<typeof servingSchema>;
