// How the builds of a production deployment stand, asked for when it is scraped: what is left on each, and who is there for it. A pinned run
// whose build nobody serves waits for ever, and nothing else would say so.
import { Gauge, type Registry } from 'prom-client';
import { within } from './state-metrics';

export interface DeploymentMetricsOptions {
  /** May reject, or not answer: then nothing is said. */
  deployment(): Promise<{
    name: string;
    /** One of its builds is that on which new runs of the task queue begin. */
    takesNewRuns: boolean;
    builds: { build: string; state: string; runs: number; workers: number }[];
  }>;
  /** Milliseconds since the epoch. @default Date.now */
  now?(): number;
}

/** It takes the server a request for each build, and Temporal itself looks no more often than every few minutes what drains. */
const LOOK_MS = 30_000;
/** A scrape must be answered within ten seconds, as a rule. */
const ANSWER_MS = 5_000;

type Found = Awaited<ReturnType<DeploymentMetricsOptions['deployment']>>;

/** All gauges of one scrape are filled by one look, and so are those of the next. What was not answered is asked again. */
function looking({ deployment, now = Date.now }: DeploymentMetricsOptions): () => Promise<Found | undefined> {
  let last: { at: number; found: Promise<Found | undefined> } | undefined;
  return async () => {
    if (!last || last.at + LOOK_MS < now()) last = { at: now(), found: within(deployment(), ANSWER_MS) };
    const found = await last.found;
    if (!found) last = undefined;
    return found;
  };
}

/** The same from every worker of the deployment. Drained builds without runs are left out: a hundred may be kept. */
export function deploymentMetrics(registry: Registry, options: DeploymentMetricsOptions): void {
  const look = looking(options);
  const shared = { labelNames: ['deployment', 'build'], registers: [registry] };
  const perBuild = (name: string, help: string, value: (build: { runs: number; workers: number }) => number): void =>
    void new Gauge({
      ...{ ...shared, name, help },
      async collect() {
        this.reset();
        const found = await look();
        for (const one of found?.builds ?? [])
          if (one.state !== 'drained' || one.runs > 0)
            this.set({ deployment: found?.name ?? '', build: one.build }, value(one));
      },
    });
  perBuild(
    'agent_deployment_runs_open',
    'Runs that are pinned to a build and have not ended. The same from every worker.',
    ({ runs }) => runs,
  );
  perBuild(
    'agent_deployment_workers',
    'Workers that decide for the runs of a build: of 0 with open runs those wait for ever. The same from every worker.',
    ({ workers }) => workers,
  );
  new Gauge({
    name: 'agent_deployment_takes_new_runs',
    help: 'Whether one of the builds of this deployment is current: 1, or 0, and then new runs do not begin on it.',
    labelNames: ['deployment'],
    registers: [registry],
    async collect() {
      this.reset();
      const found = await look();
      if (found) this.set({ deployment: found.name }, found.takesNewRuns ? 1 : 0);
    },
  });
}
