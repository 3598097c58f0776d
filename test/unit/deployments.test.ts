// Needs: nothing. What is said of builds as they stand: what keeps new runs from beginning, and which runs nobody decides for.
import { strandedOf, unroutedOf, type StandingBuild } from '../../client/deployments';

const build = (name: string, runs: number, workers: number): StandingBuild => ({
  ...{ build: name, state: 'inactive', createdAt: 0, runs },
  workers: { steps: workers, calls: workers, control: workers },
});
const standing = (builds: StandingBuild[], current?: string, unversioned = 0) => ({
  routing: current === undefined ? {} : { current: { deployment: 'shop', build: current } },
  unversioned,
  deployments: builds.length === 0 ? [] : [{ name: 'shop', ...(current === undefined ? {} : { current }), builds }],
});

test.each([
  ['nobody is up', standing([]), undefined],
  ['all belong to no deployment', standing([], undefined, 2), undefined],
  ['the current one is up', standing([build('b', 0, 1)], 'b'), undefined],
  ['one is up, none is current', standing([build('b', 0, 1)]), 'longhaul deploy set-current shop b'],
  ['none is current, and others take new runs', standing([build('b', 0, 1)], undefined, 1), undefined],
  [
    'another is current, and gone',
    standing([build('b', 0, 1), build('a', 0, 0)], 'a'),
    'longhaul deploy set-current shop b',
  ],
  ['the current one is gone', standing([build('a', 0, 0)], 'a'), undefined],
  [
    'it is gone, and the others take nothing',
    standing([build('a', 0, 0)], 'a', 1),
    'longhaul worker --deployment shop --build-id a',
  ],
])('new runs: %s', (_, now, mend) => {
  expect(unroutedOf(now)?.mend).toBe(mend);
});

test('runs of a build without workers can go to the current one, where that is up', () => {
  const left = [build('c', 5, 1), build('b', 3, 0), build('a', 0, 0)];
  expect(strandedOf(standing(left, 'c'))).toEqual([{ deployment: 'shop', build: 'b', runs: 3, to: 'c' }]);
  expect(strandedOf(standing(left))).toEqual([{ deployment: 'shop', build: 'b', runs: 3 }]);
  expect(strandedOf(standing([build('c', 5, 0), build('b', 0, 1)], 'c'))).toEqual([
    { deployment: 'shop', build: 'c', runs: 5 },
  ]);
});
