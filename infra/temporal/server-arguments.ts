// How the embedded server is set up. DESIGN.md's figures were measured with these settings.
import type { ServerPorts } from './free-ports';

/**
 * How much a power loss may cost. `NORMAL`: perhaps the last accepted work; a crash of any process costs nothing.
 * `FULL`: nothing, at one fsync a write.
 */
export type SqliteSynchronous = 'NORMAL' | 'FULL';

/** The dev server has one shard, whose task queues it reads at most 20 times a second by default: 52 ms a step. */
const POLLS_PER_SECOND = 2000;

const DYNAMIC_CONFIG: Readonly<Record<string, number | boolean | string>> = {
  'history.transferProcessorMaxPollRPS': POLLS_PER_SECOND,
  'history.timerProcessorMaxPollRPS': POLLS_PER_SECOND,
  'history.visibilityProcessorMaxPollRPS': POLLS_PER_SECOND,
  // These three push a cancel to the worker in some 20 ms, instead of with its next heartbeat.
  'frontend.WorkerHeartbeatsEnabled': true,
  'frontend.WorkerCommandsEnabled': true,
  'system.enableCancelActivityWorkerCommand': true,
  // A workflow task that a killed worker held waits this long, 10 s by default. It takes milliseconds, and replaying a long
  // run a second or two; 5 s is also what the SDK allows one task to compute.
  'history.defaultWorkflowTaskTimeout': '5s',
  // Fairness keys are ignored without it.
  'matching.enableFairness': true,
};

export interface ServerSettings {
  database: string;
  ports: ServerPorts;
  synchronous: SqliteSynchronous;
  /** Of a codec server. */
  uiCodecEndpoint?: string;
  /** Over the settings above, by Temporal's own names. */
  dynamicConfig?: Readonly<Record<string, number | boolean>>;
}

/**
 * The arguments of the CLI that start the server. Search attributes are not among them, on purpose: the CLI's flag works
 * for a new database only, and says nothing of a differing type. See search-attributes.ts.
 */
export function serverArguments({
  database,
  ports,
  synchronous,
  dynamicConfig = {},
  uiCodecEndpoint,
}: ServerSettings): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--db-filename', database],
    ...['--port', String(ports.grpc), '--ui-port', String(ports.ui), '--http-port', String(ports.http)],
    ...(uiCodecEndpoint === undefined ? [] : ['--ui-codec-endpoint', uiCodecEndpoint]),
    // Nothing is asked of the world outside; and warnings are mostly about its own stopping.
    ...['--ui-disable-news-fetch', '--log-level', 'error'],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', `synchronous=${synchronous}`],
    ...Object.entries({ ...DYNAMIC_CONFIG, ...dynamicConfig }).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
  ];
}
