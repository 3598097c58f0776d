// `longhaul session hold` and `unhold`: whether a session goes with new runs to another release.
import { holdSession, unholdSession } from '../../session-hold';
import { requireReason } from '../../run-requests';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { ownName } from '../own-name';

export interface HoldOptions {
  tenant?: string;
  release: string;
  why: string;
}

export async function sessionHoldCommand(
  context: CliContext,
  id: string,
  { tenant = context.settings.identity.tenant, release, why }: HoldOptions,
): Promise<number> {
  const { output } = context;
  requireReason(why);
  const { by } = ownName(context);
  const hold = await holdSession(context.openStore(), { session: id, tenant }, { release, why, by });
  output.json(hold);
  output.line(
    `${id}  held at release ${hold.release.slice(0, 12)}: its next messages are answered by that, until longhaul session unhold`,
  );
  return EXIT.completed;
}

export async function sessionUnholdCommand(
  context: CliContext,
  id: string,
  { tenant = context.settings.identity.tenant }: Pick<HoldOptions, 'tenant'>,
): Promise<number> {
  const { output } = context;
  const hold = await unholdSession(context.openStore(), { session: id, tenant });
  output.json({ session: id, was: hold ?? null });
  output.line(
    hold
      ? `${id}  held no more: its next message is answered by what new runs take, where that fits it`
      : `${id}  was not held`,
  );
  return EXIT.completed;
}
