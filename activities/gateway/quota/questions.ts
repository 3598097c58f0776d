// What a worker asks its quota: one question at a time, and the same again until it is answered.
import type { LeaseAnswer, LeaseRequest, QuotaLimits } from '../../../workflows/contract/quota';
import type { Clock } from './alarm';

/** Between two questions of a worker that has all that it asked for. */
const ASK_AGAIN_MS = 50;
/** Between two of which the first was not answered. */
const SILENT_MS = 500;

export type Question = Omit<LeaseRequest, 'worker' | 'seq' | 'limits'>;

export interface Questions {
  /** One is under way. */
  isOpen(): boolean;
  /** When the last one was asked. */
  askedAt(): number;
  /** The next one may be asked then. */
  nextAt(): number;
  /** The next one is not held up. */
  hurry(): void;
  ask(question: Question): void;
  /** Asked once, behind one that is under way, and answered or not: nothing is asked after it. */
  last(question: () => Question): Promise<void>;
  stop(): void;
}

export interface Answered {
  request: LeaseRequest;
  /** Steady clock: when it was asked for the first time, since the quota may have answered then; and now. */
  askedAt: number;
  heardAt: number;
  answer: LeaseAnswer;
}

export interface QuestionsOptions {
  worker: string;
  limits: QuotaLimits;
  clock: Clock;
  /** Rejects when the quota does not answer. */
  ask(request: LeaseRequest): Promise<LeaseAnswer>;
  /** @returns whether something is left to wish for */
  answered(one: Answered): boolean;
  /** After each try, answered or not. */
  tried(): void;
}

export function createQuestions({ worker, limits, clock, ask, answered, tried }: QuestionsOptions): Questions {
  let seq = 0;
  let isOpen = false;
  let lastAt = -Infinity;
  let gapMs = 0;
  let isStopped = false;
  let underWay = Promise.resolve();
  const put = async (request: LeaseRequest, askedAt: number): Promise<void> => {
    const answer = await ask(request).catch(() => undefined);
    if (isStopped) return;
    if (answer) {
      isOpen = false;
      const isShort = answered({ request, askedAt, heardAt: clock.now(), answer });
      gapMs = isShort ? answer.askAgainMs * (0.9 + 0.2 * fraction(request.seq)) : ASK_AGAIN_MS;
    } else clock.after(SILENT_MS, () => void (isStopped || put(request, askedAt)));
    tried();
  };
  return {
    isOpen: () => isOpen,
    askedAt: () => lastAt,
    nextAt: () => lastAt + gapMs,
    hurry: () => void (gapMs = Math.min(gapMs, ASK_AGAIN_MS)),
    ask(question) {
      seq += 1;
      isOpen = true;
      lastAt = clock.now();
      underWay = put({ worker, seq, limits, ...question }, lastAt);
    },
    async last(question) {
      await underWay;
      isStopped = true;
      await ask({ worker, seq: seq + 1, limits, ...question() }).catch(() => undefined);
    },
    stop: () => void (isStopped = true),
  };
}

/** Workers that began together do not ask together for ever. Spread by the golden ratio. */
const fraction = (seq: number): number => (seq * 0.618_033_988_75) % 1;
