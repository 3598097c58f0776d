// What is usual of one model: milliseconds to the first token, by the size of the request, and of each token after it. A call is slow by
// comparison with that alone, because models differ by a hundred times, and a model of its own by what it is asked.
import type { RouteSpeed } from '../../../workflows/contract/schemas/route-health';
import type { HealthRules } from './health-rules';
import type { Seen } from './../ports';

type Usual = RouteSpeed['usual'];
type Answered = Extract<Seen, { kind: 'answered' }>;

/** Of a new call in what is learned. */
const WEIGHT = 0.1;
/** Of a slow one: what stays so for hours becomes the usual; an outage does not. */
const SLOW_WEIGHT = 0.005;
/** Calls before anything is judged. */
const LEAST_CALLS = 10;
/** Below it a rate says nothing. */
const LEAST_OUTPUT = 8;

/** Sizes of requests whose first tokens are compared: each four times the one before, from 1,000 tokens. */
const sizeOf = (input: number): number => Math.max(0, Math.ceil(Math.log2(Math.max(input, 1) / 1_000) / 2));

export interface UsualSpeed {
  /** Undefined while too little is known of requests of this size. */
  firstTokenMs(input: number): number | undefined;
  isSlow(call: Answered): boolean;
  learn(call: Answered, isSlow: boolean): void;
  /** Takes over what others have learned, where more is known there than here. */
  adopt(usual: Usual): void;
  told(): Usual;
}

export function createUsualSpeed({ slow }: Pick<HealthRules, 'slow'>): UsualSpeed {
  const first = new Map<number, { ms: number; calls: number }>();
  let perToken: number | undefined;
  const usualFirst = (input: number): number | undefined => {
    const known = first.get(sizeOf(input));
    return known && known.calls >= LEAST_CALLS ? known.ms : undefined;
  };
  return {
    firstTokenMs: usualFirst,
    isSlow: ({ input, output, ms }) => {
      const usual = usualFirst(input);
      if (usual === undefined) return false;
      const expected = usual + output * (perToken ?? 0);
      return ms > expected * slow.factor && ms - expected > slow.leastMs;
    },
    learn: ({ input, output, ms, firstTokenMs }, isSlow) => {
      const weight = isSlow ? SLOW_WEIGHT : WEIGHT;
      const size = sizeOf(input);
      const known = first.get(size);
      const came = firstTokenMs ?? ms;
      first.set(size, { ms: moved(known?.ms, came, weight), calls: (known?.calls ?? 0) + 1 });
      if (output >= LEAST_OUTPUT) perToken = moved(perToken, (ms - came) / output, weight);
    },
    adopt: (usual) => {
      for (const { size, ms, calls } of usual.first)
        if (calls > (first.get(size)?.calls ?? 0)) first.set(size, { ms, calls });
      perToken ??= usual.perTokenMs;
    },
    told: () => ({
      first: [...first].map(([size, { ms, calls }]) => ({ size, ms, calls })),
      ...(perToken === undefined ? {} : { perTokenMs: perToken }),
    }),
  };
}

const moved = (known: number | undefined, came: number, weight: number): number =>
  known === undefined ? came : known + weight * (came - known);
