// Needs: nothing but the tree. A patch without a history from before it is a patch that nothing replays.
import { readTracked, trackedFiles } from './tracked-files';

const HISTORIES = 'test/replay/histories/';
const files = trackedFiles();

/** Ids given to patched() or deprecatePatch() in workflow code, or kept in a table of patches. */
function patchIds(text: string): string[] {
  return [...text.matchAll(/\b(?:patched|deprecatePatch)\(\s*(['"`])([^'"`]+)\1/g)].flatMap(([, , id]) => id ?? []);
}

test('every patch has a kept history that was recorded before it', () => {
  const ids = files.filter((file) => /^workflows\/.*\.ts$/.test(file)).flatMap((file) => patchIds(readTracked(file)));
  const missing = [...new Set(ids)].filter(
    (id) => !files.some((file) => file.startsWith(HISTORIES) && file.includes(`before-${id}`)),
  );
  expect(missing).toEqual([]);
});

test('patches are called with their id in place, so that this test can read them', () => {
  const hidden = files
    .filter((file) => /^workflows\/.*\.ts$/.test(file))
    .filter((file) => /\b(?:patched|deprecatePatch)\((?!\s*['"`])/.test(readTracked(file)));
  expect(hidden).toEqual([]);
});

test('an id is found wherever it is written', () => {
  expect(patchIds('if (patched(\'a-1\')) x(); else deprecatePatch(\n  "b-2",\n);')).toEqual(['a-1', 'b-2']);
});
