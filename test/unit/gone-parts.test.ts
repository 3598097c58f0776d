// Needs nothing. What of a call cannot be read, as its page says it.
import { gonePartsHtml } from '../../client/dashboard/gone-parts';

test('which message it was, why it is gone, and how it began, as text', async () => {
  const why = 'it is not in the store any more.';
  const told = String(
    await gonePartsHtml([
      { part: 'given', position: 2, why },
      { part: 'answered', position: 1, preview: '<b>It', why },
      { part: 'given', position: null, why },
    ]),
  ).replaceAll(/\s+/g, ' ');
  expect(told).toContain('Message 2 of what it was given cannot be read: it is not in the store any more.');
  expect(told).toContain(
    'Message 1 of what it answered cannot be read: it is not in the store any more. It begins: &lt;b&gt;It',
  );
  expect(told).toContain('What it was given, or the first of it, cannot be read: ');
  expect(String(await gonePartsHtml([]))).toBe('');
});
