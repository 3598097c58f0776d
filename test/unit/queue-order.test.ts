// Needs: nothing. Who begins first: the more urgent, then tenants by weight, then whoever came first.
import { enqueue, newQueue, placeOf, takeNext } from '../../workflows/queue/queue';
import type { QueueItem, QueueSettings, QueueState } from '../../workflows/contract/queue';
import { itemOf, queueSettings } from './queue-world';

const queueOf = (items: QueueItem[], given: Partial<QueueSettings> = {}): QueueState => {
  const settings = queueSettings({ concurrency: 10_000, ...given });
  const state = newQueue({ queue: 'default', shard: 0, settings });
  enqueue(state, { settings, items }, 0);
  return state;
};
const many = (tenant: string, count: number, given: Partial<QueueItem> = {}): QueueItem[] =>
  Array.from({ length: count }, (_, nth) => itemOf(`${tenant}-${nth}`, { tenant, ...given }));
/** The tenants of the next so many, one place free at a time. */
function next(state: QueueState, count: number): string[] {
  const tenants: string[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    state.settings = { ...state.settings, concurrency: state.slots.length + 1 };
    tenants.push(...takeNext(state, nth).map(({ run }) => run.replace(/-\d+$/, '')));
  }
  return tenants;
}
const countOf = (tenants: string[], tenant: string): number => tenants.filter((one) => one === tenant).length;

test('whoever came first begins first, where all are of one tenant', () => {
  const state = queueOf(many('acme', 5));
  expect(takeNext(state, 0).map(({ run }) => run)).toEqual(['acme-0', 'acme-1', 'acme-2', 'acme-3', 'acme-4']);
});

test('the more urgent begin before all others, whoever they are of', () => {
  const state = queueOf([
    itemOf('slow', { priority: 'low' }),
    itemOf('usual'),
    itemOf('first', { priority: 'high', tenant: 'globex' }),
    itemOf('second', { priority: 'high' }),
  ]);
  expect(takeNext(state, 0).map(({ run }) => run)).toEqual(['first', 'second', 'usual', 'slow']);
});

test('a tenant that asks for one is not behind the five hundred of another', () => {
  const state = queueOf([...many('acme', 500), itemOf('globex-0', { tenant: 'globex' })]);
  expect(placeOf(state, 'globex-0', 0)?.position).toBe(2);
  expect(next(state, 2)).toContain('globex');
});

test('tenants begin as many runs as their weights say, while both wait', () => {
  const state = queueOf([...many('acme', 300), ...many('globex', 300)], { weights: { globex: 2 } });
  const begun = next(state, 150);
  expect(countOf(begun, 'globex')).toBe(100);
  expect(countOf(begun, 'acme')).toBe(50);
});

test('what a tenant did not use before is not saved up, nor is what it used held against it', () => {
  const state = queueOf(many('acme', 40));
  next(state, 40);
  enqueue(state, { settings: state.settings, items: [...many('globex', 40), ...many('acme', 40).map(later)] }, 1);
  const begun = next(state, 40);
  expect(Math.abs(countOf(begun, 'acme') - countOf(begun, 'globex'))).toBeLessThanOrEqual(1);
});

test('a tenant that comes while another has been busy shares with it from then on', () => {
  const state = queueOf(many('acme', 200));
  next(state, 100);
  enqueue(state, { settings: state.settings, items: many('globex', 50) }, 1);
  const begun = next(state, 40);
  expect(Math.abs(countOf(begun, 'acme') - countOf(begun, 'globex'))).toBeLessThanOrEqual(1);
});

test('places are those in which runs then begin', () => {
  const items = [
    ...many('acme', 30),
    ...many('globex', 20, { priority: 'high' }),
    ...many('initech', 30, { priority: 'low' }),
    ...many('hooli', 10),
  ];
  const state = queueOf(items, { weights: { acme: 3, hooli: 0.5 } });
  const told = new Map(items.map(({ run }) => [run, placeOf(state, run, 0)?.position]));
  const begun: string[] = [];
  while (state.waiting.length > 0) {
    state.settings = { ...state.settings, concurrency: state.slots.length + 7 };
    begun.push(...takeNext(state, 0).map(({ run }) => run));
  }
  expect(begun.map((run) => told.get(run))).toEqual(begun.map((_, nth) => nth + 1));
});

test('a thousand tenants that come one after the other leave nothing behind', () => {
  const state = queueOf([]);
  for (let nth = 0; nth < 1_200; nth += 1) {
    enqueue(state, { settings: state.settings, items: [itemOf(`a${nth}`, { tenant: `t${nth}` })] }, nth);
    enqueue(state, { settings: state.settings, items: [itemOf(`b${nth}`, { tenant: `t${nth}` })] }, nth);
    next(state, nth % 5 === 0 ? 1 : 2);
  }
  expect(state.turns.next.length).toBeLessThanOrEqual(500);
});

const later = (item: QueueItem): QueueItem => ({
  ...item,
  run: `later-${item.run}`.replace(/^later-(\w+)-(\d+)$/, '$1-9$2'),
});
