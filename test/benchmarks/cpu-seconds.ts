// What this process and those that it has started have used of the processor, by what they are. Linux alone.
import { readFileSync, readdirSync } from 'node:fs';

/** By what its command line has in it, the first that fits; what fits none is the caller's. */
const KINDS = [
  ['workers', /many-runs-worker/],
  ['model', /model-server/],
  ['postgres', /^(\S*\/)?postgres\b/],
  ['temporal', /temporal/],
  ['caller', /^/],
] as const;
export type CpuKind = (typeof KINDS)[number][0];
export type CpuSeconds = Readonly<Record<CpuKind, number>>;

/** Of Linux, on every machine that Node runs on. */
const TICKS_A_SECOND = 100;

interface Process {
  pid: number;
  parent: number;
  seconds: number;
}

/** Since each of them was started; of those that live. */
export function cpuSeconds(): CpuSeconds {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processOf(Number(name)) : []));
  const ours = new Set([process.pid]);
  for (let before = 0; before < ours.size;) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  const used = { workers: 0, model: 0, temporal: 0, postgres: 0, caller: 0 };
  for (const { pid, seconds } of all) if (ours.has(pid)) used[kindOf(pid)] += seconds;
  return used;
}

export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  const of = (kind: CpuKind): number => after[kind] - before[kind];
  return {
    ...{ workers: of('workers'), model: of('model'), temporal: of('temporal') },
    ...{ postgres: of('postgres'), caller: of('caller') },
  };
}

/** Its name stands in brackets and may have anything in it; the numbers follow the last one. */
function processOf(pid: number): Process[] {
  const stat = contentOf(`/proc/${pid}/stat`);
  if (stat === undefined) return [];
  const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const at = (field: number): number => Number(numbers[field] ?? NaN);
  return [{ pid, parent: at(1), seconds: (at(11) + at(12)) / TICKS_A_SECOND }];
}

function kindOf(pid: number): CpuKind {
  if (pid === process.pid) return 'caller';
  const command = (contentOf(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ');
  return KINDS.find(([, has]) => has.test(command))?.[0] ?? 'caller';
}

/** Undefined where the process has gone meanwhile. */
function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
