// Settings of one process rather than of a project, so they come from the environment alone: logs, metrics, durability, drills.
import { z } from 'zod';
import type { Failpoint } from '../activities';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';

export interface ProcessSettings {
  /** Of `<stateDir>/logs/worker.log`. @default 'info' */
  logLevel: LogLevel;
  /** `host:port` where Temporal Core serves its own metrics. @default not served */
  coreMetricsAddress?: string;
  /** What a power loss may cost the embedded server; see infra/temporal/server-arguments.ts. @default 'NORMAL' */
  sqliteSynchronous: 'NORMAL' | 'FULL';
  /** What the demo model waits before each answer: for drills. Milliseconds. @default 0 */
  demoDelayMs: number;
  /** Where a drill stops this worker. */
  failpoint?: FailpointPlan;
}

export interface FailpointPlan {
  name: Failpoint;
  /** Which of the times that it is passed, from 1. */
  nth: number;
  /** Where the name is written when it is reached. */
  file?: string;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** By name, so that a new one cannot be forgotten here. */
const FAILPOINTS: Readonly<Record<Failpoint, true>> = {
  'model.before': true,
  'model.during': true,
  'model.answered': true,
  'tool.before': true,
  'tool.during': true,
  'tool.after': true,
  'store.before-put': true,
  'store.after-put': true,
};
export const isFailpoint = (name: string): name is Failpoint => Object.hasOwn(FAILPOINTS, name);

/** A tenth of a day: whatever is longer was meant to be something else. */
const DELAY_MS_MOST = 8_640_000;

const schemas = {
  LONGHAUL_LOG_LEVEL: z.enum(LOG_LEVELS, { error: `it is one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  LONGHAUL_CORE_METRICS: z
    .string()
    .regex(/^\S+:\d{1,5}$/, { error: 'it is host:port, as in 127.0.0.1:9465' })
    .optional(),
  LONGHAUL_SQLITE_SYNCHRONOUS: z.enum(['NORMAL', 'FULL'], { error: 'it is NORMAL or FULL' }).default('NORMAL'),
  LONGHAUL_DEMO_DELAY_MS: z
    .string()
    .regex(/^\d+$/, { error: 'it is a whole number of milliseconds' })
    .transform(Number)
    .refine((ms) => ms <= DELAY_MS_MOST, { error: `it is at most ${DELAY_MS_MOST} ms` })
    .default(0),
  LONGHAUL_FAILPOINT: z
    .string()
    .transform((text, context) => {
      const [, name = '', nth = '1'] = /^([a-z.-]+)(?::([1-9]\d*))?$/.exec(text) ?? [];
      if (isFailpoint(name)) return { name, nth: Number(nth) };
      context.addIssue(`it is name or name:nth, of ${Object.keys(FAILPOINTS).join(', ')}`);
      return z.NEVER;
    })
    .optional(),
};

type Read = (name: string) => string | undefined;

/**
 * @param read an environment variable, or undefined when unset or empty
 * @throws ConfigError naming the variable
 */
export function processSettings(read: Read): ProcessSettings {
  const checked = <Schema extends z.ZodType>(name: string, schema: Schema): z.output<Schema> => {
    const parsed = schema.safeParse(read(name));
    if (parsed.success) return parsed.data;
    throw new ConfigError(`${name}: "${read(name)}" cannot be used: ${parsed.error.issues[0]?.message}.`);
  };
  const coreMetricsAddress = checked('LONGHAUL_CORE_METRICS', schemas.LONGHAUL_CORE_METRICS);
  const failpoint = checked('LONGHAUL_FAILPOINT', schemas.LONGHAUL_FAILPOINT);
  const file = read('LONGHAUL_FAILPOINT_FILE');
  return {
    logLevel: checked('LONGHAUL_LOG_LEVEL', schemas.LONGHAUL_LOG_LEVEL),
    sqliteSynchronous: checked('LONGHAUL_SQLITE_SYNCHRONOUS', schemas.LONGHAUL_SQLITE_SYNCHRONOUS),
    demoDelayMs: checked('LONGHAUL_DEMO_DELAY_MS', schemas.LONGHAUL_DEMO_DELAY_MS),
    ...(coreMetricsAddress === undefined ? {} : { coreMetricsAddress }),
    ...(failpoint === undefined ? {} : { failpoint: { ...failpoint, ...(file === undefined ? {} : { file }) } }),
  };
}

/** What drills ask for shows only where they do. */
export function describeProcess(settings: ProcessSettings, read: Read): Setting[] {
  const { logLevel, sqliteSynchronous, coreMetricsAddress, demoDelayMs, failpoint } = settings;
  const from = (name: string): string => (read(name) === undefined ? 'default' : name);
  return [
    { what: 'log level', value: logLevel, source: from('LONGHAUL_LOG_LEVEL') },
    { what: 'SQLite durability', value: sqliteSynchronous, source: from('LONGHAUL_SQLITE_SYNCHRONOUS') },
    { what: 'core metrics', value: coreMetricsAddress ?? 'not served', source: from('LONGHAUL_CORE_METRICS') },
    ...(demoDelayMs > 0 ? [{ what: 'demo delay', value: `${demoDelayMs} ms`, source: 'LONGHAUL_DEMO_DELAY_MS' }] : []),
    ...(failpoint
      ? [{ what: 'failpoint', value: `${failpoint.name}:${failpoint.nth}`, source: 'LONGHAUL_FAILPOINT' }]
      : []),
  ];
}
