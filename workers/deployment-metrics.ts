// How the builds of a production deployment stand, asked for when it is scraped: what is left on each, and who is there for it. A pinned run
// whose build nobody serves waits for ever, and nothing else would say so.
import { Gauge, type Registry } from 'prom-client';
import { remembered, within } from './state-metrics';

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

/** The same from every worker of the deployment. Drained builds without runs are left out: a hundred may be kept. */
export function deploymentMetrics(registry: Registry, options: DeploymentMetricsOptions): void {
  const look = remembered(() => within(options.deployment()), options.now ?? Date.now, LOOK_MS);
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
