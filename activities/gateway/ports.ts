// What the gateway asks on a request's way: who may send it now, and which provider it goes to. Each has an implementation of its own
// room below this one; without configuration nothing stands in the way.
import type { TenantLeft } from '../../workflows/contract/run';
import type { Usage } from '../../workflows/contract/message';
import type { Priority, ToldByProvider } from '../../workflows/contract/quota';

/** On whose behalf a request is sent. */
export interface Caller {
  agent: string;
  /** SHA-256 of the release manifest. */
  release: string;
  tenant: string;
  /** Id of the run. */
  run: string;
  signal: AbortSignal;
  /** @default 'normal' */
  priority?: Priority;
  /** Since when it waits for its quota, where it was sent away before: milliseconds since the epoch, by the workflow's clock. */
  waitingSince?: number;
  /** A longer wait is not begun: another provider is asked then. Absent where there is none. */
  patienceMs?: number;
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
  /**
   * @param usage what the provider says it took; undefined where it was sent and nothing is known: then all that was reserved counts
   * @param paid what its run is charged of a request that failed: a tenant's budget is charged as much, and so is a quota's money.
   * @default as `usage`
   */
  settle(usage: Usage | undefined, paid?: Usage | 'nothing'): void;
  /** It was not sent: nothing counts. */
  release(): void;
  /** What the provider's answer says of its limits, and that it refused. Absent where nobody wants to know. */
  told?(told: ToldByProvider): void;
  /** Tokens that its answer may have. Absent where nothing but the request's own cap bounds it. */
  outputMost?: number;
}

export interface Quota {
  /**
   * Waits here while the wait is short.
   * @param route as `provider/model`
   * @throws ModelWaitError where it is longer, or longer than the caller's patience; ApplicationFailure where it would be longer than
   * anyone has patience for
   */
  admit(route: string, expected: Expected, caller: Caller): Promise<Admission>;
  /** What the tenant may use until room returns, as far as it is known here. Absent where tenants have no budgets. */
  tenantLeft?(tenant: string): TenantLeft[];
}

/** One of a route that can be asked. */
export interface Candidate {
  /** As `provider/model`. */
  route: string;
  /** `cooling`: it is asked last. `probing`: it cooled down, and this call tries whether it is well again. */
  state: 'healthy' | 'cooling' | 'probing';
  /** Learned: an answer whose first token takes longer is not usual. Undefined while too little is known. */
  firstTokenWithinMs: number | undefined;
}

/** What came of asking one of a route. */
export type Seen =
  | { kind: 'answered'; input: number; output: number; ms: number; firstTokenMs: number | undefined }
  /** Nothing had come when it was given up. */
  | { kind: 'slow' }
  /** `until`, in milliseconds since the epoch, where the provider itself named a time. */
  | { kind: 'failed'; type: string; until?: number }
  /** Nothing that speaks for or against it: the call was stopped, or not sent at all. */
  | { kind: 'unknown' };

export interface Routing {
  /**
   * All of them, in the order to ask them now.
   * @param routes in the order that the run prefers
   * @param input tokens of the request, counted where there is a choice
   * @param how.mayProbe whether this call may be the one that tries a route which did not answer: others leave it to whoever does
   * @default true
   */
  inOrder(routes: readonly string[], input: () => number, how?: { mayProbe: boolean }): Promise<Candidate[]>;
  /** Of each that was asked; and of one that is `probing`, asked or not. */
  seen(asked: Pick<Candidate, 'route' | 'state'>, what: Seen): void;
}

export const NO_QUOTA: Quota = {
  admit: () => Promise.resolve({ settle: () => undefined, release: () => undefined }),
};

/** Asks whoever is preferred, whatever has become of it before. */
export const AS_PREFERRED: Routing = {
  inOrder: (routes) =>
    Promise.resolve(routes.map((route) => ({ route, state: 'healthy', firstTokenWithinMs: undefined }))),
  seen: () => undefined,
};
