// Needs a Temporal CLI, which an embedded server is started from. The benchmark of shadows in short: what it counts, not what it times.
import { SHADOW_SHORT } from './print-shadow';
import { shadowPairs } from './shadow';

test('shadows begin beside the runs whose shadows they are, and each round is timed with them and without, twice', async () => {
  const pairs = await shadowPairs(SHADOW_SHORT);
  expect(pairs).toHaveLength(SHADOW_SHORT.pairs);
  for (const { shadowed, alone, again, shadows } of pairs) {
    for (const times of [shadowed, alone, again]) {
      expect(times).toHaveLength(SHADOW_SHORT.runs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
    expect(shadows).toBeGreaterThan(0);
  }
}, 240_000);
