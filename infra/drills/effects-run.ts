// One run of the cashier: what it asks for, where its processes are killed, and afterwards what the till has seen and the run was told.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { openStore } from '../../activities/store/open-store';
import { CALL_PREFIX } from '../../activities/store/ref-names';
import { callRecordSchema, type ToolRecord } from '../../workflows/contract/schemas/call-record';
import { script, startModelServer } from '../../test/kit';
import { DRILL_AGENTS, TOP } from './checkout';
import { startCli, type CliProcess } from './cli-process';
import { killedLives, pause, untilHolds, type LivesEnd } from './killed-lives';

export interface Asked {
  tool: string;
  item: string;
}

/** Where everything is killed: at a failpoint, the nth time; or when the till has done an item, and a while later. */
export type EffectKill = { failpoint: string; nth: number } | { done: Asked; afterMs: number };

export interface Told extends Asked {
  /** How often the till did it. */
  done: number;
  /** Keys that it was done under. */
  keys: number;
  /** Type of the failure that the model was told; absent where it was told a result. */
  failure?: string;
}

export interface EffectsRun extends LivesEnd {
  told: Told[];
}

const logLine = z.object({ what: z.string(), key: z.string() });

export interface Till {
  readonly url: string;
  /** What was done since it was started, in order: of its log alone. */
  log(): { what: string; key: string }[];
  close(): Promise<void>;
}

export async function startTill(): Promise<Till> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-till-'));
  const file = join(folder, 'log');
  const child = spawn(process.execPath, [join(TOP, 'dist', 'infra', 'drills', 'till.js'), file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    url,
    log: () =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => logLine.parse(JSON.parse(line)))
        : [],
    close: async () => {
      await ended(child);
      rmSync(folder, { recursive: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.stdin?.end();
  await exit;
}

export interface EffectsRunOptions {
  till: Till;
  asked: readonly Asked[];
  kills: readonly EffectKill[];
  temporalCli: string;
}

/** Calls are made one after the other; each kill ends a life of the processes, and the next one goes on. */
export async function effectsRun({ till, asked, kills, temporalCli }: EffectsRunOptions): Promise<EffectsRun> {
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-effects-'));
  const model = await startModelServer({
    script: asked.reduce((turns, { tool, item }) => turns.call(tool, { item }), script()).answer('done'),
  });
  const markerOf = (life: number): string => join(stateDir, `failpoint-${life}`);
  try {
    const end = await killedLives<EffectKill>({
      stateDir,
      kills,
      start: (life, kill) =>
        startAgent('cashier', { stateDir, till, temporalCli, modelUrl: model.url }, failpointEnv(kill, markerOf(life))),
      reached: async (process, kill, life) => {
        const holds = (): boolean => ('failpoint' in kill ? existsSync(markerOf(life)) : isDone(till, kill.done));
        if (!(await untilHolds(process, holds))) return false;
        if ('done' in kill) await pause(kill.afterMs);
        return true;
      },
    });
    return { ...end, told: await toldOf(stateDir, till, asked) };
  } finally {
    await model.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const failpointEnv = (kill: EffectKill | undefined, marker: string): Record<string, string> =>
  kill && 'failpoint' in kill
    ? { LONGHAUL_FAILPOINT: `${kill.failpoint}:${kill.nth}`, LONGHAUL_FAILPOINT_FILE: marker }
    : {};

export interface AgentStart {
  stateDir: string;
  till: Till;
  temporalCli: string;
  modelUrl: string;
}

/** The run of it is begun by the first start, and gone on with by the others. */
export const startAgent = (
  agent: string,
  { stateDir, till, temporalCli, modelUrl }: AgentStart,
  env: Readonly<Record<string, string>> = {},
): CliProcess =>
  startCli(['--agents', DRILL_AGENTS, '--state-dir', stateDir, 'run', agent, '--input', inputOf(till)], {
    LONGHAUL_TEMPORAL_CLI: temporalCli,
    OPENAI_BASE_URL: modelUrl,
    OPENAI_API: 'chat',
    OPENAI_API_KEY: 'sk-of-the-drill',
    ...env,
  });

const inputOf = ({ url }: Till): string => JSON.stringify({ task: 'Work.', till: url });
const whatOf = ({ tool, item }: Asked): string => `${tool}/${item}`;
export const isDone = (till: Till, asked: Asked): boolean => till.log().some(({ what }) => what === whatOf(asked));

/** Read when nobody else has the store open. */
async function toldOf(stateDir: string, till: Till, asked: readonly Asked[]): Promise<Told[]> {
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  try {
    const refs = await store.listRefs(CALL_PREFIX);
    const records = refs.map(({ value }) => callRecordSchema.parse(value)).filter((record) => record.kind === 'tool');
    return asked.map((call, at) => toldCall(till, call, records[at]));
  } finally {
    await store.close();
  }
}

/** @param record of the call; undefined where it has none */
export function toldCall(till: Till, call: Asked, record: ToolRecord | undefined): Told {
  const mine = till.log().filter(({ what }) => what === whatOf(call));
  const failure = record?.result.failure;
  return {
    ...call,
    done: mine.length,
    keys: new Set(mine.map(({ key }) => key)).size,
    ...(record === undefined ? { failure: 'no record' } : failure === undefined ? {} : { failure }),
  };
}
