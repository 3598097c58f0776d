// Temporal as a child of this process, with its database in the project's folder.
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openConnection } from './open-connection';
import { beginDatabase, finishDatabase } from './database-creation';
import { reasonOf } from './error-reason';
import { findFreePorts, isListening, type ServerPorts } from './free-ports';
import { isAlive, ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity';
import type { Environment } from './run-command';
import { rotateLog } from './rotate-log';
import { ensureSearchAttributes, SearchAttributeError, type SearchAttributeTable } from './search-attributes';
import { serverArguments, type SqliteSynchronous } from './server-arguments';
import { endProcess, startSupervised, type SupervisedExit, type SupervisedProcess } from './supervised-process';

export const EMBEDDED_NAMESPACE = 'default';
export const DEFAULT_TEMPORAL_PORT = 7233;

export interface StartEmbeddedOptions {
  /** Holds `temporal.db`, `temporal.pid` and `logs/`; made if missing. Hold the folder's lock before starting. */
  stateDir: string;
  cliPath: string;
  /** Default 7233; the Web UI's is 1000 above. A taken one is replaced by a free one. */
  preferredPort?: number;
  /** Default `NORMAL`. */
  synchronous?: SqliteSynchronous;
  /** Registered when the server is ready. One that the database has with another type is an error. */
  searchAttributes?: SearchAttributeTable;
  /** Temporal's dynamic configuration, over the settings of this module. */
  dynamicConfig?: Readonly<Record<string, number | boolean>>;
  /** URL of a codec server, which the Web UI asks for clear text from the browser. Default none. */
  uiCodecEndpoint?: string;
  /** Default `<stateDir>/logs/temporal.log`. */
  logFile?: string;
  /** Default `process.env`. `TEMPORAL_*` is kept from the server, which would read it as its own configuration, and `LONGHAUL_*`, which holds keys. */
  env?: Environment;
  /** How long the server may take to answer. Default 30 s; a warm start takes 0.2 s. */
  readyTimeoutMs?: number;
  /** Called once, when the server has ended without {@link EmbeddedTemporal.stop}. */
  onExit?: (exit: SupervisedExit) => void;
}

export interface EmbeddedTemporal {
  /** `127.0.0.1:<port>` */
  address: string;
  uiUrl: string;
  namespace: string;
  /** Of the server. */
  pid: number;
  /** Of the process group of server and supervisor: what a crash test kills. */
  groupId: number;
  logFile: string;
  /** Stops the server (SIGTERM, SIGKILL after 10 s) and resolves when it is gone. May be called again. */
  stop(): Promise<void>;
  /** Resolves when the server has ended, asked or not. */
  exited: Promise<SupervisedExit>;
}

/** The embedded server could not be started. The message is one line that says why, then the server's last words. */
export class TemporalStartError extends Error {
  override readonly name = 'TemporalStartError';
}

interface PidFile extends ProcessIdentity {
  owner: ProcessIdentity;
}

interface FailedStart {
  failure: string;
  /** All that the server said in this attempt. */
  log: string;
}

/** Ports are looked for before they are used: where another process was quicker, others are looked for. */
const PORT_ATTEMPTS = 3;
const READY_POLL_MS = 10;
const LAST_WORDS = 12;

/**
 * Starts the server and resolves when it answers. It ends with this process, even one that is killed with SIGKILL, and
 * a SIGKILL of everything at any moment leaves the database whole. Throws {@link TemporalStartError}.
 */
export async function startEmbeddedTemporal(options: StartEmbeddedOptions): Promise<EmbeddedTemporal> {
  if (process.platform === 'win32') {
    throw new TemporalStartError('The embedded Temporal needs a POSIX system: use WSL, or set TEMPORAL_ADDRESS.');
  }
  const logFile = options.logFile ?? join(options.stateDir, 'logs', 'temporal.log');
  // The database holds what users asked: for the owner's eyes.
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(logFile), { recursive: true });
  rotateLog(logFile);
  await endOrphan(options.stateDir);
  for (let attempt = 1; ; attempt++) {
    const started = await startOnce(options, logFile);
    if (!('failure' in started)) return started;
    const portTaken = /address already in use/i.test(started.log);
    if (portTaken && attempt < PORT_ATTEMPTS) continue;
    throw new TemporalStartError(`${started.failure} ${lastWords(started.log, logFile)}`);
  }
}

async function startOnce(options: StartEmbeddedOptions, logFile: string): Promise<EmbeddedTemporal | FailedStart> {
  const ports = await findFreePorts(options.preferredPort ?? DEFAULT_TEMPORAL_PORT);
  const database = join(options.stateDir, 'temporal.db');
  const { synchronous = 'NORMAL', searchAttributes = {}, dynamicConfig = {}, uiCodecEndpoint } = options;
  const args = serverArguments({
    ...{ database, ports, synchronous, dynamicConfig },
    ...(uiCodecEndpoint === undefined ? {} : { uiCodecEndpoint }),
  });
  beginDatabase(database);
  const logFd = openSync(logFile, 'a');
  const logStart = statSync(logFile).size;
  const env = withoutSettings(options.env ?? process.env);
  const server = await startSupervised([options.cliPath, ...args], { env, logFd }).finally(() => closeSync(logFd));
  const failed = (failure: string) => ({ failure, log: readFileSync(logFile).subarray(logStart).toString('utf8') });
  if (!server) return failed('Temporal ended as it started.');
  const pidFile = pidFileOf(options.stateDir);
  writePidFile(pidFile, { ...server.identity, owner: ownIdentity() });
  const gone = server.exited.then((exit) => {
    rmSync(pidFile, { force: true });
    return exit;
  });
  const ready = { ports, searchAttributes, timeoutMs: options.readyTimeoutMs ?? 30_000 };
  const problem = await waitUntilReady(server, ready);
  if (problem) {
    await server.stop();
    await gone;
    return failed(problem);
  }
  finishDatabase(database);
  const exited = gone.then((exit) => {
    if (!exit.asked) options.onExit?.(exit);
    return exit;
  });
  return {
    address: `127.0.0.1:${ports.grpc}`,
    uiUrl: `http://localhost:${ports.ui}`,
    namespace: EMBEDDED_NAMESPACE,
    pid: server.identity.pid,
    groupId: server.groupId,
    logFile,
    exited,
    stop: async () => {
      await server.stop();
      await exited;
    },
  };
}

/** Resolves to what is wrong, or `undefined` when the server answers and has its search attributes. */
async function waitUntilReady(
  server: SupervisedProcess,
  {
    ports,
    searchAttributes,
    timeoutMs,
  }: { ports: ServerPorts; searchAttributes: SearchAttributeTable; timeoutMs: number },
): Promise<string | undefined> {
  const state: { exit?: SupervisedExit } = {};
  void server.exited.then((exit) => (state.exit = exit));
  const deadline = Date.now() + timeoutMs;
  let lastError = 'it opened no port';
  while (Date.now() < deadline) {
    if (state.exit) return `Temporal ended with exit code ${state.exit.code ?? 'unknown'} before it was ready.`;
    // Only our server has this HTTP port, and it takes the gRPC one first: so what answers there is ours, and not another
    // server that was quicker. To connect before both are open would cost gRPC's back-off, a second.
    if ((await isListening(ports.http)) && (await isListening(ports.grpc))) {
      try {
        await prepareNamespace(ports.grpc, searchAttributes);
        return undefined;
      } catch (error) {
        if (error instanceof SearchAttributeError) return error.message;
        lastError = reasonOf(error);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  return `Temporal was not ready after ${timeoutMs / 1000} s (${lastError}).`;
}

async function prepareNamespace(port: number, searchAttributes: SearchAttributeTable): Promise<void> {
  const connection = await openConnection({ address: `127.0.0.1:${port}`, connectTimeout: 2_000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: EMBEDDED_NAMESPACE });
    await ensureSearchAttributes(connection, EMBEDDED_NAMESPACE, searchAttributes);
  } finally {
    await connection.close();
  }
}

/**
 * Two servers on one database would each answer for the other's work. A server whose owner is dead is an orphan, left
 * when its supervisor was killed as well, or is just ending: it is waited out. One whose owner lives is not ours to end.
 */
async function endOrphan(stateDir: string): Promise<void> {
  const path = pidFileOf(stateDir);
  const recorded = readPidFile(path);
  if (!recorded || !isAlive(recorded)) return;
  if (isAlive(recorded.owner)) {
    const who = `process ${recorded.owner.pid} (server ${recorded.pid})`;
    throw new TemporalStartError(`The Temporal of ${stateDir} already runs, for ${who}. Stop that one first.`);
  }
  await endProcess(recorded);
  rmSync(path, { force: true });
}

function pidFileOf(stateDir: string): string {
  return join(stateDir, 'temporal.pid');
}

function writePidFile(path: string, content: PidFile): void {
  writeFileSync(`${path}.new`, JSON.stringify(content));
  renameSync(`${path}.new`, path);
}

function readPidFile(path: string): PidFile | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const server = parseIdentity(value);
    const owner = parseIdentity(value instanceof Object && 'owner' in value ? value.owner : undefined);
    return server && owner ? { ...server, owner } : undefined;
  } catch {
    return undefined; // none, or one that a power loss emptied: then its server is gone too
  }
}

/** Nor what is ours: the server keeps sealed payloads, and is not to hold the keys. */
function withoutSettings(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TEMPORAL|LONGHAUL)_/.test(name)));
}

/** The last lines, or where a Go panic ends it, the last before the stack. */
function lastWords(log: string, logFile: string): string {
  const lines = log.trim().split('\n');
  const panic = lines.findIndex((line) => line.startsWith('panic:'));
  const words = (panic < 0 ? lines : lines.slice(0, panic + 1)).slice(-LAST_WORDS).map((line) => `  ${line}`);
  return log.trim() ? `Its last lines, of ${logFile}:\n${words.join('\n')}` : `See ${logFile}.`;
}
