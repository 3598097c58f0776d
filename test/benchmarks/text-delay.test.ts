// Needs a Temporal CLI, which an embedded server is started from, and Postgres (skipped with a word where there is none). The benchmark of
// what a model says on its way to a reader, in short: that all of it arrives, not when.
import { describeWithPostgres, startPostgres } from '../stack/postgres';
import { textDelays, type TextDelays } from './text-delay';

jest.setTimeout(240_000);

const PIECES = 100;
const check = ({ port, events, isWhole }: TextDelays): void => {
  expect({ isWhole, pieces: port.length }).toEqual({ isWhole: true, pieces: PIECES });
  // None was read before it was written: both read the same clock.
  expect(Math.min(...port, ...events)).toBeGreaterThan(0);
};

test('each piece of an answer arrives once and in order, through sockets', async () => {
  check(await textDelays(PIECES));
});

describeWithPostgres('through Postgres', () => {
  test('each piece of an answer arrives once and in order', async () => {
    const postgres = await startPostgres();
    try {
      check(await textDelays(PIECES, postgres.freshUrl()));
    } finally {
      await postgres.remove();
    }
  });
});
