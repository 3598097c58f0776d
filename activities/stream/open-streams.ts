// The one place that knows both ways by which answers are watched: sockets where the store is of this machine, Postgres where that is.
import type { KeyRing } from '../keys/key-ring';
import type { TextPublisher, TextReader } from './port';
import type * as postgresStreams from './postgres-streams';
import { openSocketPublisher } from './socket-publisher';
import { createSocketReader } from './socket-reader';

export interface StreamsPlace {
  /** URL of the store. */
  store: string;
  /** Absolute. */
  stateDir: string;
  /** Seal what Postgres hands on, as they seal what it keeps. */
  keys?: KeyRing | undefined;
}

/** @throws Error where the socket cannot be made, or the URL cannot be read */
export async function openTextPublisher(place: StreamsPlace): Promise<TextPublisher> {
  return isPostgres(place) ? postgres().createPostgresPublisher(place) : await openSocketPublisher(place);
}

/** Connects when it is first read from. */
export const openTextReader = (place: StreamsPlace): TextReader =>
  isPostgres(place) ? postgres().createPostgresReader(place) : createSocketReader(place);

const isPostgres = ({ store }: StreamsPlace): boolean => /^postgres(ql)?:/.test(store);

/** Its driver is loaded where it is used. */
const postgres = (): typeof postgresStreams => require('./postgres-streams') as typeof postgresStreams;
