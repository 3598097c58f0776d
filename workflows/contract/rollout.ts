// A staged rollout: a release beside the current one, step by step, until statistics or a person say what becomes of it.

export interface MetricPolicy {
  /** As in the values of a run. */
  name: string;
  /**
   * `share`: from 0 to 1, as a success, a failure, a score; its test is exact at any number of units. `ratio`: above 0 and skewed, as tokens,
   * cost, time; compared by logarithms, so that what is told is how many times as much is usual. `level`: any number, compared as it is.
   */
  kind: 'share' | 'ratio' | 'level';
  better: 'higher' | 'lower';
  /** So much worse is tolerated. Of a share 0.05 is five points, of a ratio 0.1 is 10 % more, of a level it is in its own unit. */
  margin: number;
  /** Its part of `falseAlarms`, by proportion to the others' weights. */
  weight: number;
  /** The candidate takes over only when this is shown to stay within its margin; otherwise it is enough that nothing shows it to be worse. */
  mustBeFine: boolean;
}

export interface StepPolicy {
  /** The chance with which a unit that comes in this step is given the candidate: from 0 to 1. At 1 the candidate has taken over. */
  share: number;
  /** Minimum exposure: units that the candidate has had in this step before the next one begins. */
  units: number;
}

export interface RolloutPolicy {
  metrics: readonly MetricPolicy[];
  steps: readonly StepPolicy[];
  /** The chance that a candidate which is worse in nothing is ever withdrawn, however often somebody looks. */
  falseAlarms: number;
  /** Of each metric: the chance that a candidate which is worse by its margin or more is ever called fine. */
  falseFines: number;
  /** Nobody waits for longer. */
  windowDays: number;
}

export const ROLLOUT_STICKY = ['tenant', 'session', 'run'] as const;
/** What becomes of a candidate that nothing was shown of within the window: it is taken back, it takes over, or a person says. */
export const WHEN_INCONCLUSIVE = ['withdraw', 'promote', 'ask'] as const;

/** What a rollout is begun with, and never changes. */
export interface RolloutPlanned {
  id: string;
  agent: string;
  /** The release that new runs take, and the one that is tried. */
  from: string;
  release: string;
  by: string;
  why?: string;
  sticky: (typeof ROLLOUT_STICKY)[number];
  policy: RolloutPolicy;
  inconclusive: (typeof WHEN_INCONCLUSIVE)[number];
  /** Milliseconds between two looks, at least. */
  everyMs: number;
}

export interface RolloutInput extends RolloutPlanned {
  schemaVersion: 1;
  /** Number of the change of traffic that it is begun upon: another one since, and it does not begin. */
  epoch: number;
  carried?: RolloutState;
}

/** A step whose share new runs have, or had. */
export interface RolloutStep {
  /** From 0 to 1. */
  share: number;
  /** Milliseconds since the epoch. */
  at: number;
}

export const ROLLOUT_ACTS = ['pause', 'resume', 'promote', 'abort'] as const;
export type RolloutAct = (typeof ROLLOUT_ACTS)[number];

/** What a person said to it, as a signal. */
export interface RolloutSaid {
  by?: string;
  why?: string;
}

export interface RolloutWord {
  act: RolloutAct;
  by: string;
  why?: string;
  at: number;
  /** It came when its end was being written, and changed nothing. */
  isLate?: true;
}

export interface RolloutPause {
  /**
   * `person` has asked for it; `arms`: they are not balanced; `finding`: the watch has found something; `window`: it is over without a verdict;
   * `unseen`: it cannot be looked at; `traffic`: it could not be changed.
   */
  because: 'person' | 'arms' | 'finding' | 'window' | 'unseen' | 'traffic';
  by: string;
  why: string;
  at: number;
}

export interface RolloutEnd {
  /** `superseded`: somebody has changed the traffic past it. `refused`: it never began. */
  as: 'promoted' | 'withdrawn' | 'superseded' | 'refused';
  because: 'worse' | 'fine' | 'inconclusive' | 'person' | 'changed';
  by: string;
  why: string;
  at: number;
}

export interface RolloutState {
  steps: RolloutStep[];
  /** Of the newest change of traffic that it has made, or was begun upon. */
  epoch: number;
  /** Looks that were made. */
  looks: number;
  nextLookAt: number;
  /** The newest look's, in words. */
  last?: { decision: RolloutDecision; headline: string; at: number };
  paused?: RolloutPause;
  /** Findings of the watch from then on pause it: milliseconds since the epoch. */
  findingsFrom: number;
  told: RolloutWord[];
  /** What is to become of it, until it has. */
  ending?: Pick<RolloutEnd, 'because' | 'by' | 'why'> & { as: 'promoted' | 'withdrawn' };
  ended?: RolloutEnd;
  /** The next step is to begin. */
  goesOn: boolean;
  /** Counts what its record should say, and which of it that says. */
  changes: number;
  kept: number;
}

/**
 * `withdraw`: something is worse. `pause`: the arms are not balanced, and somebody must look. `advance`: to the next step. `promote`: the candidate
 * takes over. `inconclusive`: time is over. `wait`: for more runs.
 */
export type RolloutDecision = 'withdraw' | 'pause' | 'advance' | 'promote' | 'inconclusive' | 'wait';

/** As its record in the store has it: kept after Temporal has forgotten its workflow. */
export interface RolloutKept extends RolloutPlanned, Pick<RolloutState, 'steps' | 'looks' | 'told'> {
  schemaVersion: 1;
  /** When its first step began. */
  at: number;
  /** Of what is kept the newest is what has the greatest. */
  changes: number;
  paused?: RolloutPause;
  ended?: RolloutEnd;
}

export interface RolloutView extends Omit<RolloutKept, 'schemaVersion' | 'policy' | 'changes'> {
  nextLookAt: number;
  last?: NonNullable<RolloutState['last']>;
  ending?: NonNullable<RolloutState['ending']>;
}

export interface ShareInput extends Pick<RolloutPlanned, 'agent' | 'id' | 'release' | 'sticky'> {
  share: number;
  epoch: number;
  by: string;
  why?: string;
}

/** Who has changed the traffic past it, and how. */
export interface PassedOver {
  kind: 'superseded';
  by: string;
  why: string;
}
export type ShareResult = { kind: 'set'; at: number; epoch: number } | PassedOver | { kind: 'refused'; why: string };

export interface LookInput extends Pick<RolloutPlanned, 'agent' | 'id'> {
  /** From 1. */
  number: number;
  isOver: boolean;
  findingsFrom: number;
}

export type LookResult =
  | {
      kind: 'looked';
      decision: RolloutDecision;
      headline: string;
      tookMs: number;
      /** Of the watch, about the candidate. */
      finding?: string;
    }
  | PassedOver
  /** The record is not there: it is to be kept again. */
  | { kind: 'unkept' };

export interface EndInput extends Pick<RolloutPlanned, 'agent' | 'id'> {
  as: 'promoted' | 'withdrawn';
  by: string;
  why: string;
}

/** On the control worker. Each may be repeated. */
export interface RolloutActivities {
  setRolloutShare(input: ShareInput): Promise<ShareResult>;
  judgeRollout(input: LookInput): Promise<LookResult>;
  endRollout(input: EndInput): Promise<ShareResult>;
  keepRollout(kept: RolloutKept): Promise<void>;
}
