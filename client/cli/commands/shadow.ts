// `longhaul shadow`: a run is shadowed by a release, or from now on a share of an agent's runs is.
import { randomBytes } from 'node:crypto';
import { isPriced } from '../../../activities/gateway/money/prices';
import type { ContentStore } from '../../../activities/store';
import { changeTraffic, type TrafficChange } from '../../../activities/store/change-traffic';
import { unknowingText, whoKnowsShadows } from '../../../activities/store/serving-workers';
import type { ReadsOfShadows } from '../../../workflows/contract/schemas/shadow';
import type { Sticky } from '../../../workflows/contract/schemas/traffic';
import { WHOLE_SHARE } from '../../../workflows/contract/schemas/traffic';
import { ClientError } from '../../errors';
import { counted, formatUsd, formatTokens } from '../../format';
import { currentRelease, pointerOf, readManifest, releaseOf } from '../../releases';
import { requireReason } from '../../run-requests';
import { requireWorker, shadowRun } from '../../shadow/want-shadow';
import { shellWord } from '../../shell-word';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { findRun } from '../find-run';
import { ownName } from '../own-name';

export interface ShadowOptions {
  release?: string;
  /** As a part of one. */
  share?: number;
  stop?: boolean;
  /** Billionths of a dollar. */
  budget?: number;
  tokens?: number;
  atOnce: number;
  reads: ReadsOfShadows;
  sticky: Sticky;
  floor: boolean;
  why?: string;
}

export async function shadowCommand(context: CliContext, name: string, options: ShadowOptions): Promise<number> {
  const { share, stop, release } = options;
  requireReason(options.why);
  if (stop) {
    if (share !== undefined || release !== undefined)
      throw new ClientError('invalid-input', '--stop goes without --release and --share.');
    return await changed(context, name, { kind: 'unshadow' }, options);
  }
  if (release === undefined) throw new ClientError('invalid-input', 'say which release: --release v4, or current.');
  if (share === undefined) return await oneRun(context, name, { ...options, release });
  const store = context.readStore();
  const pointer = await pointerOf(store, name);
  const { release: hash } =
    release === 'current' ? await currentRelease(store, name) : await releaseOf(store, name, release);
  await requireWorker(store, name, hash);
  const { budget, tokens, atOnce, reads, sticky, floor } = options;
  // What their own releases make of the runs is paid from the same.
  const own = floor ? [pointer.release, ...(pointer.candidate ? [pointer.candidate.release] : [])] : [];
  if (budget !== undefined) for (const one of [hash, ...own]) await requirePrices(context, one);
  return await changed(
    context,
    name,
    {
      ...{ kind: 'shadow', release: hash, share: Math.round(share * WHOLE_SHARE), id: randomBytes(4).toString('hex') },
      ...{ sticky, reads, floor, atOnce },
      ...(budget === undefined ? {} : { nanoUsdADay: budget }),
      ...(tokens === undefined ? {} : { tokensADay: tokens }),
    },
    options,
  );
}

/** What nobody knows the price of no budget holds back: of the release, and of its sub-agents. */
async function requirePrices(context: CliContext, release: string, seen: Set<string> = new Set()): Promise<void> {
  if (seen.has(release)) return;
  seen.add(release);
  const { agent, model, plan } = await readManifest(context.readStore(), release);
  const unpriced = model.route.find((route) => !isPriced(context.settings.prices, route));
  if (unpriced !== undefined)
    throw new ClientError(
      'invalid-input',
      `nobody knows what ${unpriced} costs, which ${agent} uses, so --budget would hold nothing back: set its price in longhaul.config.ts, or use --tokens.`,
    );
  for (const { agent: pin } of Object.values(plan.tools)) if (pin) await requirePrices(context, pin.release, seen);
}

/** Said at once: it would begin nothing, for as long as the worker is there. */
async function noteUnknowing({ output }: CliContext, store: ContentStore): Promise<void> {
  const [worker] = (await whoKnowsShadows(store)).unknowing;
  if (worker !== undefined) output.note(output.safeLine(unknowingText(worker)));
}

async function oneRun(
  context: CliContext,
  given: string,
  { release, reads, budget, tokens }: ShadowOptions & { release: string },
): Promise<number> {
  if (budget !== undefined || tokens !== undefined)
    throw new ClientError(
      'invalid-input',
      '--budget and --tokens are of a share: a single shadow is held to the limits of its run.',
    );
  const { output } = context;
  const store = context.openStore();
  const { id: run } = await findRun(store, given);
  const wanted = await shadowRun(store, run, { release, reads, by: ownName(context).by });
  const { id, release: hash, isFloor, known } = wanted;
  output.json({
    ...{ run, shadow: id, release: hash, isFloor },
    state: known ? (known.ended ? 'ended' : 'running') : wanted.run.ended ? 'wanted' : 'wanted at its end',
  });
  output.line(`${known ? 'known     ' : 'wanted    '} ${output.safe(id)}`);
  if (isFloor) output.line("           by the run's own release: what differs does so by chance");
  if (!known && !wanted.run.ended)
    output.line('           begins once the run has ended: what its tools are told is known then');
  if (!known) await noteUnknowing(context, store);
  output.note(`how they differ: longhaul shadow show ${shellWord(run)}`);
  return EXIT.completed;
}

async function changed(
  context: CliContext,
  agent: string,
  change: Extract<TrafficChange, { kind: 'shadow' | 'unshadow' }>,
  { why }: ShadowOptions,
): Promise<number> {
  const store = context.openStore();
  await pointerOf(store, agent);
  const done = await changeTraffic(store, agent, change, {
    ...ownName(context),
    ...(why === undefined ? {} : { why }),
  });
  if (done.kind === 'refused')
    throw new ClientError(done.reason === 'invalid' ? 'invalid-input' : 'refused', done.message);
  const { pointer, record } = done;
  const { output } = context;
  output.json({
    agent,
    shadow: pointer.shadow ?? null,
    epoch: record.epoch,
    at: record.at,
    by: record.by,
    why: why ?? null,
  });
  if (change.kind === 'unshadow') {
    output.line(`stopped    ${agent}: no run that begins from now on is shadowed`);
    output.note('shadows under way end by themselves; those that are wanted are dropped');
    return EXIT.completed;
  }
  const percent = Number(((100 * change.share) / WHOLE_SHARE).toFixed(2));
  output.line(
    `shadowed   ${agent}: ${percent} % of the runs that begin from now on, by release ${change.release.slice(0, 12)}` +
      `${change.floor ? ', and by their own' : ''}`,
  );
  output.line(`           ${budgetText(change)}, ${counted(change.atOnce, 'shadow')} at once`);
  if (change.release === pointer.release)
    output.line('           new runs take this release already: what differs does so by chance');
  await noteUnknowing(context, store);
  output.note(`what comes of it: longhaul shadow report ${shellWord(agent)}`);
  return EXIT.completed;
}

function budgetText({ nanoUsdADay, tokensADay }: Extract<TrafficChange, { kind: 'shadow' }>): string {
  const parts = [
    ...(nanoUsdADay === undefined ? [] : [formatUsd(nanoUsdADay)]),
    ...(tokensADay === undefined ? [] : [`${formatTokens(tokensADay)} tokens`]),
  ];
  return parts.length === 0 ? 'without a budget' : `${parts.join(' and ')} a day, by what the runs took`;
}
