// What `longhaul doctor` says of quotas and of the budgets of tenants: what is limited, and whether anybody would give leave to send.
import { connectTemporal } from '../../infra/temporal/connect';
import { isPolled } from '../../infra/temporal/task-queue-pollers';
import { controlQueue } from '../../workflows/contract/names';
import { findTemporal } from '../find-temporal';
import type { CliContext } from './context';
import type { Check } from './doctor-checks';
import { counted } from '../format';

/** Nothing where nothing is limited. */
export async function checkQuotas(context: CliContext): Promise<Check[]> {
  const { settings } = context;
  const routes = Object.keys(settings.quotas);
  const { budgets } = settings;
  if (routes.length === 0 && !budgets) return [];
  const named = Object.entries(budgets?.tenants ?? {}).flatMap(([tenant, limits]) => (limits ? [tenant] : []));
  const tenants = [
    ...named,
    ...(budgets?.default ? [Object.keys(budgets.tenants).length === 0 ? 'every tenant' : 'all other tenants'] : []),
  ];
  const limited = [
    ...(routes.length === 0 ? [] : [`${counted(routes.length, 'model')}: ${routes.join(', ')}`]),
    ...(tenants.length === 0 ? [] : [`budgets of ${tenants.join(', ')}`]),
  ].join('; ');
  const name = 'quotas';
  const queue = controlQueue(settings.taskQueue);
  const isServed = await served(context, queue).catch(() => undefined);
  if (isServed) return [{ name, state: 'ok', found: `${limited}; served on ${queue}` }];
  const mend = '`longhaul dev`, or any worker of this configuration, gives leave to send: without one no call is sent';
  const why = isServed === undefined ? 'no server answers that could be asked' : `no worker serves ${queue}`;
  return [{ name, state: 'note', found: `${limited}; ${why}`, mend }];
}

/** @throws where no server answers */
async function served({ env, settings }: CliContext, queue: string): Promise<boolean> {
  const { server } = findTemporal({ env, stateDir: settings.stateDir });
  const connection = await connectTemporal(server);
  try {
    return await isPolled(connection, server.namespace, { taskQueue: queue, kind: 'steps' });
  } finally {
    await connection.close();
  }
}
