// A collector of OpenTelemetry's kind between those who send spans and a receiver of the tests: a program that others wrote, which takes what
// is sent only where it is as the protocol says. OpenTelemetry's own, as `otelcol.yaml` beside this has it built, or Rotel, which a Python
// package brings.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { freePort } from './free-port';
import { until } from './until';

interface Program {
  kind: 'otelcol' | 'rotel';
  file: string;
}

/** @returns OpenTelemetry's own, which `LONGHAUL_OTEL_COLLECTOR` names, or else Rotel, where `.ci/run` installs it */
export function findCollector(env = process.env): Program | undefined {
  const named = env['LONGHAUL_OTEL_COLLECTOR'];
  if (named) return { kind: 'otelcol', file: path.resolve(named) };
  const file = path.join(__dirname, '..', '..', '.longhaul', 'python', 'rotel', 'rotel-agent');
  return existsSync(file) ? { kind: 'rotel', file } : undefined;
}

export interface Collector {
  /** For OTLP over HTTP, without a path. */
  readonly url: string;
  readonly kind: Program['kind'];
  /** What it has written. */
  log(): string;
  /** Spans that it took, and those that it did not, as it counts them itself; undefined where it does not tell. */
  counts(): Promise<{ accepted: number; refused: number } | undefined>;
  /** Passes on what it still has. */
  stop(): Promise<void>;
}

/** @param to passed on to, without a path */
export async function startCollector({ kind, file }: Program, to: string): Promise<Collector> {
  const [port, metricsPort, grpcPort] = [await freePort(), await freePort(), await freePort()];
  const args =
    kind === 'otelcol'
      ? [`--config=yaml:${JSON.stringify(otelcolConfig({ port, metricsPort, to }))}`]
      : [
          ...['start', '--otlp-http-endpoint', `127.0.0.1:${port}`, '--otlp-grpc-endpoint', `127.0.0.1:${grpcPort}`],
          ...['--exporter', 'otlp', '--otlp-exporter-endpoint', to, '--otlp-exporter-protocol', 'http'],
        ];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const atExit = (): void => void child.kill('SIGKILL');
  process.once('exit', atExit);
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log = `${log}${text}`));
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`the collector ended with ${child.exitCode}: ${log}`);
    return await fetch(url).then(
      () => true,
      () => false,
    );
  }, 60_000);
  return {
    ...{ url, kind },
    log: () => log,
    counts: async () => {
      if (kind !== 'otelcol') return undefined;
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      return { accepted: sumOf(text, 'accepted'), refused: sumOf(text, 'refused') };
    },
    stop: async () => {
      process.removeListener('exit', atExit);
      child.kill('SIGTERM');
      await gone;
    },
  };
}

const sumOf = (metrics: string, what: string): number =>
  Array.from(metrics.matchAll(new RegExp(`^otelcol_receiver_${what}_spans\\S* (\\d+)$`, 'gm')))
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);

/** JSON, which is YAML too. Without a queue of its own: what it cannot pass on is refused to whoever sent it. */
const otelcolConfig = ({ port, metricsPort, to }: { port: number; metricsPort: number; to: string }): object => ({
  receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
  exporters: { otlp_http: { endpoint: to, sending_queue: { enabled: false }, retry_on_failure: { enabled: false } } },
  service: {
    telemetry: {
      metrics: {
        level: 'basic',
        readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: metricsPort } } } }],
      },
    },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
  },
});
