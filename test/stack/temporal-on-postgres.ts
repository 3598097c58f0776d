// Temporal as production runs it: its own server on a Postgres, where the dev server is one process on SQLite.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, openSync, closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { openConnection } from '../../infra/temporal/open-connection';
import { msToTs } from '@temporalio/common/lib/time';
import { ensureSearchAttributes } from '../../infra/temporal/search-attributes';
import { reasonOf } from '../../infra/temporal/error-reason';
import type { EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { freePort } from './free-port';
import type { TestPostgres } from './postgres';

export type TestTemporal = Pick<EmbeddedTemporal, 'address' | 'namespace' | 'stop'>;

/** As Temporal's releases name them. */
const SERVER = 'temporal-server';
const SCHEMA_TOOL = 'temporal-sql-tool';
const NAMESPACE = 'default';
const READY_TIMEOUT_MS = 60_000;
/** Of its schemas, each with a database. */
const SCHEMAS = ['temporal', 'visibility'] as const;
const SERVICES = ['frontend', 'history', 'matching', 'worker'] as const;

/** @returns the folder with both programs, from `LONGHAUL_TEMPORAL_SERVER` or `PATH` */
export function findTemporalServer(env = process.env): string | undefined {
  const folders = [env['LONGHAUL_TEMPORAL_SERVER'] ?? '', ...(env['PATH'] ?? '').split(delimiter)].filter(Boolean);
  return folders.find((folder) => [SERVER, SCHEMA_TOOL].every((program) => existsSync(join(folder, program))));
}

/** As many as a small cluster has; one writes one change of state after the other. */
const HISTORY_SHARDS = 16;

/** With databases of its own: on those of a server before, it would look for that one's services for the better part of a minute. */
export async function startTemporalOnPostgres(
  programs: string,
  postgres: TestPostgres,
  historyShards = HISTORY_SHARDS,
): Promise<TestTemporal> {
  const database = new URL(postgres.freshUrl());
  const login = {
    host: database.hostname,
    port: database.port,
    user: decodeURIComponent(database.username),
    password: decodeURIComponent(database.password),
  };
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-test-temporal-'));
  const shared = ['--plugin', 'postgres12', '--ep', login.host, '-p', login.port, '-u', login.user];
  const tag = randomUUID().slice(0, 8);
  for (const schema of SCHEMAS) {
    for (const step of [
      ['create-database'],
      ['setup-schema', '-v', '0.0'],
      ['update-schema', '--schema-name', `postgresql/v12/${schema}`],
    ]) {
      execFileSync(join(programs, SCHEMA_TOOL), [...shared, '--db', databaseOf(schema, tag), ...step], {
        env: { SQL_PASSWORD: login.password },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    }
  }
  const ports = await Promise.all(Array.from({ length: 2 * SERVICES.length }, freePort));
  const config = join(folder, 'temporal.yaml');
  writeFileSync(config, JSON.stringify(serverConfig({ login, tag, ports, historyShards })), { mode: 0o600 });
  const logFile = join(folder, 'temporal.log');
  const log = openSync(logFile, 'a');
  const server = spawn(join(programs, SERVER), ['--config-file', config, '--allow-no-auth', 'start'], {
    cwd: folder,
    env: {},
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const atExit = (): void => void server.kill('SIGKILL');
  process.once('exit', atExit);
  const address = `127.0.0.1:${ports[0]}`;
  const stop = async (): Promise<void> => {
    process.removeListener('exit', atExit);
    await end(server);
    rmSync(folder, { recursive: true });
  };
  try {
    await untilReady(address, server);
  } catch (error) {
    await end(server);
    throw new Error(`Temporal on Postgres does not start: ${reasonOf(error)} Its log: ${logFile}`);
  }
  return { address, namespace: NAMESPACE, stop };
}

interface Login {
  host: string;
  port: string;
  user: string;
  password: string;
}

const databaseOf = (schema: (typeof SCHEMAS)[number], tag: string): string => `${schema}_${tag}`;

interface ServerConfig {
  login: Login;
  tag: string;
  ports: readonly number[];
  historyShards: number;
}

/** JSON, which is YAML too. */
function serverConfig({ login, tag, ports, historyShards }: ServerConfig): object {
  const { host, port, user, password } = login;
  const sql = (databaseName: string): object => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: `${host}:${port}`,
      connectProtocol: 'tcp',
      user,
      password,
      maxConns: 15,
      maxIdleConns: 15,
    },
  });
  const rpc = (at: number): object => ({
    rpc: { grpcPort: ports[2 * at], membershipPort: ports[2 * at + 1], bindOnLocalHost: true },
  });
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: historyShards,
      datastores: { default: sql(databaseOf('temporal', tag)), visibility: sql(databaseOf('visibility', tag)) },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: Object.fromEntries(SERVICES.map((service, at) => [service, rpc(at)])),
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `127.0.0.1:${ports[0]}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
  };
}

/** With its namespace, which takes some seconds to be known everywhere. */
async function untilReady(address: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`it ended with exit code ${server.exitCode}.`);
    try {
      await prepareNamespace(address);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function prepareNamespace(address: string): Promise<void> {
  const connection = await openConnection({ address, connectTimeout: 2_000 });
  try {
    const { namespaces } = await connection.workflowService.listNamespaces({});
    if (!namespaces.some(({ namespaceInfo }) => namespaceInfo?.name === NAMESPACE)) {
      await connection.workflowService.registerNamespace({
        namespace: NAMESPACE,
        workflowExecutionRetentionPeriod: msToTs('1 day'),
      });
    }
    await ensureSearchAttributes(connection, NAMESPACE, SEARCH_ATTRIBUTES);
    // A start is refused until the namespace's attributes are known to the services too: a query that names one says when.
    await connection.workflowService.countWorkflowExecutions({ namespace: NAMESPACE, query: `AgentName = 'none'` });
  } finally {
    await connection.close();
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
}
