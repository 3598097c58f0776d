// What Prometheus is told of routes: requests that went elsewhere, and models that others are asked instead of.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ActivityMetrics } from '../activities';

export function routeMetrics(registers: Registry[]): Pick<ActivityMetrics, 'failedOver' | 'routeTurned'> {
  const failovers = new Counter({
    name: 'agent_model_failovers_total',
    help: 'Requests to a model that went to another one of the route, by the failure that led to it.',
    labelNames: ['from', 'to', 'reason'],
    registers,
  });
  const cooling = new Gauge({
    name: 'agent_model_cooling',
    help: 'Whether others of a route are asked instead of this model, because it failed or was slow: 1, or 0. Alert where it stays.',
    labelNames: ['model'],
    registers,
  });
  return {
    failedOver: (change) => failovers.inc(change),
    routeTurned: (model, isCooling) => cooling.set({ model }, isCooling ? 1 : 0),
  };
}
