// Needs: nothing. What a definition says of loops: what is left out has a default, what is wrong one line, and a manifest keeps the rest.
import { defineAgent } from '../../activities/define';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { manifestFor } from '../stack/manifest-for';

/** As a file with a cast, or a JavaScript file, would have it. */
const given = (value: object): never => value as never;
const agentWith = (loops: unknown) => defineAgent(given({ name: 'orders', instructions: 'Answer.', loops }));

test.each<[unknown, string]>([
  [true, 'loops is an object with any of repeats, cycles, stale, or false; not true.'],
  [null, 'loops is an object with any of repeats, cycles, stale, or false; not null.'],
  [[], 'loops is an object with any of repeats, cycles, stale, or false; not [].'],
  [{ repeat: {} }, 'loops: "repeat" is not known. Known: repeats, cycles, stale.'],
  [{ repeats: true }, 'loops.repeats is an object with any of warn, stop, or false; not true.'],
  [{ repeats: null }, 'loops.repeats is an object with any of warn, stop, or false; not null.'],
  [{ cycles: 5 }, 'loops.cycles is an object with any of warn, stop, or false; not 5.'],
  [{ stale: { after: 3 } }, 'loops.stale: "after" is not known. Known: warn, stop.'],
  [{ repeats: { warn: 1 } }, 'loops.repeats.warn must be a whole number from 2, not 1.'],
  [{ repeats: { warn: 2.5 } }, 'loops.repeats.warn must be a whole number from 2, not 2.5.'],
  [{ repeats: { warn: '3' } }, 'loops.repeats.warn must be a whole number from 2, not "3".'],
  [{ repeats: { stop: Infinity } }, 'loops.repeats.stop must be a whole number from 3, not Infinity.'],
  [{ repeats: { warn: 6 } }, 'loops.repeats stops at 6 and warns at 6: the warning comes first.'],
  [{ cycles: { stop: 3 } }, 'loops.cycles stops at 3 and warns at 3: the warning comes first.'],
  [{ stale: { stop: 101 } }, 'loops.stale.stop is 101: at most 100, or agent orders: loops.stale: false for never.'],
])('%j is refused in one line', (loops, message) => {
  expect(() => agentWith(loops)).toThrow(`agent orders: ${message}`);
});

const DEFAULTS = { repeats: { warn: 3, stop: 6 }, cycles: { warn: 3, stop: 5 }, stale: { warn: 8, stop: 12 } };
test.each<[unknown, unknown]>([
  [undefined, DEFAULTS],
  [{}, DEFAULTS],
  [{ repeats: { stop: 20 } }, { ...DEFAULTS, repeats: { warn: 3, stop: 20 } }],
  [
    { repeats: false, stale: { warn: 2, stop: 3 } },
    { cycles: DEFAULTS.cycles, stale: { warn: 2, stop: 3 } },
  ],
  [{ repeats: false, cycles: false, stale: false }, undefined],
  [false, undefined],
])('%j stands in the manifest as %j, and is read back', (loops, wanted) => {
  const { manifest } = manifestFor(agentWith(loops), 'scripted/model');
  expect(manifest.loops).toEqual(wanted);
  expect(releaseManifestSchema.parse(JSON.parse(JSON.stringify(manifest))).loops).toEqual(wanted);
  // A history holds the plan; the manifest is named by its hash.
  expect(manifest.plan).not.toHaveProperty('loops');
});
