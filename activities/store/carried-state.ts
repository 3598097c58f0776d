// What a run that waits for a place goes on with once it begins, as an object: of a fork.
import { z } from 'zod';
import type { CarriedState } from '../../workflows/contract/run';
import { failure } from '../failure';
import { canonicalJson } from './canonical-json';

const shape = z.looseObject({
  schemaVersion: z.literal(1),
  head: z.string().nullable(),
  length: z.number(),
  append: z.array(z.looseObject({ hash: z.string() })),
  messages: z.array(z.looseObject({ hash: z.string(), position: z.number() })),
});
const schema = z.custom<CarriedState>((value) => shape.safeParse(value).success);

export const encodeCarried = (state: CarriedState): Uint8Array => canonicalJson(state);

/** @throws ApplicationFailure `Store.ObjectCorrupt` */
export function decodeCarried(hash: string, bytes: Uint8Array): CarriedState {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw failure('Store.ObjectCorrupt', `object ${hash} is nothing that a run could go on with.`);
  }
}
