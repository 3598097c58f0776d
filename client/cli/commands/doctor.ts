// `longhaul doctor`: what is found, what is missing, how to mend it.
import { describeSettings } from '../../../workers/describe-settings';
import { packageVersion } from '../../../workers/package-version';
import type { CliContext } from '../context';
import {
  checkAgents,
  checkConfiguration,
  checkDisk,
  checkNode,
  checkStore,
  checkTemporal,
  checkWebhook,
  type Check,
} from '../doctor-checks';
import { checkDeployments } from '../deployment-checks';
import { EXIT } from '../exit-codes';
import { checkQuotas } from '../quota-checks';

/** @returns EXIT.failed when something that runs need is missing */
export async function doctorCommand(context: CliContext): Promise<number> {
  const { output, settings } = context;
  const checks: Check[] = [
    checkNode(),
    ...checkConfiguration(context),
    ...(await checkTemporal(context)),
    await checkStore(context),
    await checkDisk(context),
    ...checkWebhook(context),
    ...(await checkQuotas(context)),
    ...(await checkDeployments(context)),
    ...(await checkAgents(context)),
  ];
  const isWell = checks.every(({ state }) => state !== 'missing');
  const described = describeSettings(settings);
  output.json({ ok: isWell, version: packageVersion(), checks, settings: described });
  output.line(`longhaul ${packageVersion()}`);
  for (const check of checks) showCheck(context, check);
  output.line();
  output.table(described, [
    { title: 'setting', value: ({ what }) => what },
    { title: 'value', value: ({ value }) => value },
    { title: 'from', value: ({ source }) => source },
  ]);
  return isWell ? EXIT.completed : EXIT.failed;
}

function showCheck({ output }: CliContext, check: Check): void {
  const { colors } = output;
  const mark = { ok: colors.green('✓'), note: colors.yellow('!'), missing: colors.red('✗') }[check.state];
  // A list of what was tried keeps its lines.
  const [first = '', ...more] = output.safe(check.found).split('\n');
  output.line(`${mark} ${check.name.padEnd(12)} ${first}`);
  for (const line of more) output.line(`    ${line}`);
  if (check.state !== 'ok' && check.mend !== undefined) output.line(`    ${colors.dim('→')} ${check.mend}`);
}
