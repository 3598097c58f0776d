// Needs: nothing. Names that stand in histories, visibility and callers' code are added, never changed and never taken away.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import * as names from '../../workflows/contract/names';
import { FAILURES } from '../../workflows/contract/failures';
import { OUTCOMES } from '../../workflows/contract/run';

/** Each name with where it stands, for example `SIGNAL_NAMES.pause` → `pause`. */
function spoken(): Record<string, string> {
  const entries: [string, string][] = [];
  for (const [table, value] of Object.entries(names)) {
    if (typeof value === 'string') entries.push([table, value]);
    else for (const [key, name] of Object.entries(value)) entries.push([`${table}.${key}`, name]);
  }
  for (const type of Object.keys(FAILURES)) entries.push([`FAILURES.${type}`, type]);
  for (const outcome of OUTCOMES) entries.push([`OUTCOMES.${outcome}`, outcome]);
  return Object.fromEntries(entries);
}

const SNAPSHOT = path.join(__dirname, 'frozen-names.json');
const frozen = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(SNAPSHOT, 'utf8')));
const now = spoken();

test.each(Object.entries(frozen))('%s is still "%s"', (place, name) => {
  expect(now[place]).toBe(name);
});

test('every new name is frozen too: add it to the snapshot, test/contract/frozen-names.json', () => {
  expect(Object.fromEntries(Object.entries(now).filter(([place]) => !(place in frozen)))).toEqual({});
});

test('the task queue of a toolbox is the same for ever: calls wait in it', () => {
  expect(names.toolboxQueue('agents', 'payments')).toBe('agents/payments');
  expect(names.toolQueue('agents', 'payments', 'refund')).toBe('agents/payments:refund');
});

test('no name carries the name of the product', () => {
  expect(Object.values(now).filter((name) => /longhaul/i.test(name))).toEqual([]);
});
