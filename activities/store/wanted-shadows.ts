// Runs that are to be shadowed: asked for by whoever ends a run that was drawn, or by command, and taken up by the control worker.
import { isShadowId } from '../../workflows/contract/names';
import { wantedShadowSchema, type WantedShadow } from '../../workflows/contract/schemas/shadow';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { RefWrite } from './port';
import { shadowWantedName } from './ref-names';

/** A ref's name has at most 500 bytes, of which those of a shadow spend 74 beside the encoded id of its run. */
const ENCODED_BYTES = 420;

/** A shadow has none, and an id that is too long leaves no room for that of a shadow. */
export const mayBeShadowed = (run: string): boolean =>
  !isShadowId(run) && encodeURIComponent(run).length <= ENCODED_BYTES;

export const wantShadow = (wanted: WantedShadow): Extract<RefWrite, { op: 'put' }> => ({
  op: 'put',
  name: shadowWantedName(wanted.run, wanted.release),
  value: wanted,
});

/**
 * To be committed with the end of a run that was drawn when it began. One that somebody has cancelled came to no end of its own, and one
 * that never began to none at all: they are not compared with anything.
 */
export function wantedAtEnd({ id: run, agent, shadow, parent, ended }: RunRecord): RefWrite[] {
  if (!shadow || !ended || parent || !mayBeShadowed(run)) return [];
  if (ended.outcome === 'cancelled' || ended.firstRunId === '') return [];
  return [wantShadow({ schemaVersion: 1, run, agent, release: shadow.release, at: ended.at, id: shadow.id })];
}

export const readWanted = (value: unknown): WantedShadow | undefined => wantedShadowSchema.safeParse(value).data;
