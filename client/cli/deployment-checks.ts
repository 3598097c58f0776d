// What `longhaul doctor` says where runs are pinned to builds: that new ones can begin, and that each build with runs left has workers.
import { resolveTemporal } from '../../infra/temporal/resolve-temporal';
import { standingOf, strandedOf, unroutedOf } from '../deployments';
import { counted } from '../format';
import type { CliContext } from './context';
import type { Check } from './doctor-checks';

const NAME = 'deployment';

/** Nothing where no worker belongs to a deployment. */
export async function checkDeployments(context: CliContext): Promise<Check[]> {
  try {
    // An embedded server has none; what is wrong with the way to another is said by another check.
    if (resolveTemporal({ env: context.env }).kind === 'embedded') return [];
    const connected = await context.connectIfPossible();
    if (!connected) return [];
    const { temporal, taskQueue, close } = connected;
    try {
      return checksOf(await standingOf({ temporal, taskQueue }));
    } finally {
      await close();
    }
  } catch {
    return [];
  }
}

function checksOf(standing: Awaited<ReturnType<typeof standingOf>>): Check[] {
  const { deployments, routing, unversioned } = standing;
  if (deployments.length === 0) return [];
  const unrouted = unroutedOf(standing);
  const waiting: Check[] = unrouted
    ? [{ name: NAME, state: 'missing', found: `new runs wait: ${unrouted.why}`, mend: unrouted.mend }]
    : [];
  const stranded = strandedOf(standing).map(({ deployment, build, runs, to }): Check => {
    const start = `longhaul worker --deployment ${deployment} --build-id ${build}`;
    const move = `longhaul deploy move --all-of ${build} --to ${to ?? 'BUILD'} --deployment ${deployment}`;
    return {
      ...{ name: NAME, state: 'missing' },
      found: `${counted(runs, 'run')} of build ${build} of ${deployment} ${runs === 1 ? 'waits' : 'wait'}: none of its workers is up`,
      mend: to === undefined ? `start one with that code: ${start}` : `${move}, or start one with that code: ${start}`,
    };
  });
  const idle: Check[] =
    routing.current && unversioned > 0
      ? [
          {
            ...{ name: NAME, state: 'note' },
            found: `${counted(unversioned, 'worker')} of no deployment ${unversioned === 1 ? 'is' : 'are'} up, and ${unversioned === 1 ? 'takes' : 'take'} no new runs`,
            mend: 'start workers with --deployment',
          },
        ]
      : [];
  const said = [...waiting, ...stranded, ...idle];
  if (said.length > 0) return said;
  const found = deployments.map(
    ({ name, current }) => `${name}: ${current ? `build ${current} is current` : 'none is current'}`,
  );
  return [{ name: NAME, state: 'ok', found: found.join('; ') }];
}
