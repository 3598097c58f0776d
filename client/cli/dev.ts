// `longhaul dev`: the whole stack in one process group, until Ctrl-C: Temporal, Web UI, workers, and agents served as they are saved.
import type { Server } from 'node:http';
import path from 'node:path';
import { hasCode, reasonOf } from '../../infra/temporal/error-reason';
import type { ServedAgents } from '../../workers/serve-agents';
import { watchAgents } from '../../workers/watch-agents';
import { watchConfig } from '../../workers/watch-config';
import { apiLine, startDevApi } from './api';
import { managedLines, modelLine, reportProblems, reportUnfinished, servedAgents } from './announce';
import type { ApiServer } from '../api/serve-api';
import { cannotListen } from './cannot-listen';
import { codecLine, isCodecTokenSet } from './commands/codec-server';
import { createClosing } from './closing';
import type { CliContext } from './context';
import { EXIT } from './exit-codes';
import { openHost, type Host } from './host';
import { metricsUrl, serveProcess } from './process-server';
import { noteUnreplayable } from './unreplayable';
import { checkReach, tellState, withCoreMetrics } from './scraped-state';

export interface DevOptions {
  inspect?: boolean;
  /** 0 for a free one. @default 9464 */
  metricsPort?: number;
}

const DEFAULT_METRICS_PORT = 9464;

export async function devCommand(context: CliContext, options: DevOptions): Promise<number> {
  const { output, settings, env } = context;
  const opened = await openHost({
    settings: await withCoreMetrics(settings, true),
    env,
    note: (line) => output.note(line),
    debug: options.inspect ?? false,
    codecServer: true,
    keepsSaves: true,
  });
  if ('heldBy' in opened) {
    const { pid, info } = opened.heldBy;
    const where = typeof info['uiUrl'] === 'string' ? `, web UI ${info['uiUrl']}` : '';
    output.error(`longhaul is up in this folder already (pid ${pid}${where}). Use it, or stop it first.`, 'already-up');
    return EXIT.failed;
  }
  return await serve(context, opened.host, options);
}

async function serve(context: CliContext, host: Host, options: DevOptions): Promise<number> {
  const { output, settings } = context;
  const { served } = host;
  if (!served) throw new Error('dev has no worker.');
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const closing = createClosing();
  closing.add(() => host.stop());
  try {
    const { taskQueue } = settings;
    tellState(host, {
      ...{ settings, taskQueue },
      queues: [
        { taskQueue, kind: 'steps' },
        { taskQueue, kind: 'calls' },
      ],
    });
    // Two `dev` on one machine are common: where the port is taken, the second goes without rather than not at all.
    const metrics = await serveProcess({
      served,
      port: options.metricsPort ?? DEFAULT_METRICS_PORT,
      check: () => checkReach(host),
    }).catch((error: unknown) => {
      if (hasCode(error, 'EADDRINUSE')) return undefined;
      throw cannotListen(error, { port: '--metrics-port', host: '127.0.0.1' }, { port: options.metricsPort });
    });
    closing.add(() => void metrics?.close());
    const api = await startDevApi({
      ...{ settings, temporal: host.temporal, store: host.store, storeUrl: settings.store },
      ...{ taskQueue: settings.taskQueue, note: (line: string) => output.note(line) },
    });
    closing.add(() => api.close());
    let broken = new Set(served.loaded.problems.map(({ file }) => file));
    const watcher = await watchAgents({
      dir: settings.agentsDir,
      files: served.loaded.files,
      onChange: async () => {
        const { loaded, published, removed } = await served.reload();
        for (const { agent, release, changed } of published)
          if (changed) output.note(`saved    ${agent}: new runs take release ${release.slice(0, 12)}`);
        for (const line of managedLines(published)) output.note(line);
        for (const agent of removed) output.note(`removed  ${agent}: new runs of it are refused`);
        reportProblems(context, loaded.problems);
        const wrong = new Set(loaded.problems.map(({ file }) => file));
        // Back to what is served already: nothing else would say that the mistake is gone.
        for (const file of broken)
          if (!wrong.has(file)) output.note(`mended   ${path.relative(settings.project, file) || file}`);
        broken = wrong;
        return loaded.files;
      },
      onError: (error) => output.note(`problem  ${output.safeLine(reasonOf(error))}`),
    });
    closing.add(() => watcher.close());
    const config = watchConfig(settings.project, {
      onChange: () =>
        output.note('changed  longhaul.config: it is read at the start; stop this and start it again to take it'),
      onError: (error) => output.note(`problem  ${output.safeLine(reasonOf(error))}`),
    });
    closing.add(() => config.close());
    await announce(context, host, served, { metrics, api });
    // Beside what it serves: nobody waits for it, but its server must not go first.
    const over = new AbortController();
    const looked = noteUnreplayable(context, host, over.signal).catch(() => undefined);
    closing.add(() => {
      over.abort();
      return looked;
    });
    await Promise.race([stopped, host.broken]);
    output.note('stopping: calls under way may finish ...');
    return EXIT.completed;
  } finally {
    await closing.close();
  }
}

async function announce(
  context: CliContext,
  host: Host,
  served: ServedAgents,
  { metrics, api }: { metrics: Server | undefined; api: ApiServer },
): Promise<void> {
  const { output, settings } = context;
  const { address, namespace, uiUrl, codecUrl } = host;
  reportProblems(context, served.loaded.problems);
  for (const line of managedLines(served.published)) output.note(line);
  await reportUnfinished(context, host);
  const metricsAt = metrics && metricsUrl(metrics);
  output.json({
    ready: true,
    pid: process.pid,
    address,
    namespace,
    uiUrl,
    codecUrl,
    metricsUrl: metricsAt,
    apiUrl: `${api.url}/v1`,
    agents: servedAgents(served),
  });
  output.line(`temporal  ${address}, namespace ${namespace}`);
  if (uiUrl !== undefined) output.line(`web UI    ${uiUrl}`);
  if (codecUrl !== undefined) output.line(`codec     ${codecLine(codecUrl, isCodecTokenSet(context))}`);
  output.line(`metrics   ${metricsAt ?? 'none: the port is taken. --metrics-port 0 takes a free one'}`);
  output.line(`api       ${apiLine(api, settings.api.keys.length > 0)}`);
  output.line(`pages     ${api.url}/ui`);
  output.line(`agents    ${settings.agentsDir} (saved changes are served at once)`);
  for (const { manifest, release } of served.loaded.agents) {
    output.line(`          ${manifest.agent}  release ${release.slice(0, 12)}  model ${modelLine(manifest)}`);
  }
  output.line('ready     start a run from another terminal: longhaul run AGENT "..."');
}
