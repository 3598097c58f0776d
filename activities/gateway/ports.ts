// What the gateway asks on a request's way: who may send it now, and which provider it goes to. Each has an implementation of its own
// room below this one; without configuration nothing stands in the way.
import type { Usage } from '../../workflows/contract/message';

/** On whose behalf a request is sent. */
export interface Caller {
  agent: string;
  /** SHA-256 of the release manifest. */
  release: string;
  tenant: string;
  /** Id of the run. */
  run: string;
  signal: AbortSignal;
}

/** Tokens that a request takes at most, or is expected to. */
export interface Expected {
  input: number;
  /** The cap that the request itself carries, where it does. */
  outputCap?: number;
  /** That the request is for, where it is for several: as many outputs. @default 1 */
  tasks?: number;
}

/** Leave to send one request. Ended exactly once, by one of the two. */
export interface Admission {
  /** @param usage what the provider says it took; undefined where it was sent and nothing is known: then all that was reserved counts */
  settle(usage: Usage | undefined): void;
  /** It was not sent: nothing counts. */
  release(): void;
}

export interface Quota {
  /**
   * Waits here while the wait is short.
   * @param route as `provider/model`
   * @throws ModelWaitError where it is longer; ApplicationFailure where it would be longer than anyone has patience for
   */
  admit(route: string, expected: Expected, caller: Caller): Promise<Admission>;
}

export interface Routing {
  /** Those of a release's route that can be asked now, in the order to try them. At least one. */
  candidates(route: readonly string[]): readonly string[];
  /** @returns whether the next candidate is asked instead */
  failed(route: string, error: unknown): boolean;
  answered(route: string, seconds: number): void;
}

export const NO_QUOTA: Quota = {
  admit: () => Promise.resolve({ settle: () => undefined, release: () => undefined }),
};

export const FIRST_OF_ROUTE: Routing = {
  candidates: (route) => [route[0] ?? ''],
  failed: () => false,
  answered: () => undefined,
};
