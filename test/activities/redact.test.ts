// Needs: nothing. What looks like a credential never reaches an error text; what does not is left as it was written.
import { safeText } from '../../activities/redact';
import { FAILURE_CHARS } from '../../workflows/contract/limits';

test.each([
  ['denied for AKIAIOSFODNN7EXAMPLE', 'denied for [redacted]'],
  ['login with pass=hunter2secret failed', 'login with pass=[redacted] failed'],
  ['postgres://user:pa/ss@db.example:5432/x is down', 'postgres://[redacted]@db.example:5432/x is down'],
  ['https://token@host/path', 'https://[redacted]@host/path'],
  ['github_pat_11ABCDEFG0123456789 is expired', '[redacted] is expired'],
  ['ghs_abcdef0123456789 is expired', '[redacted] is expired'],
  ['glpat-abcdefghij0123456789 is expired', '[redacted] is expired'],
  ['sk-proj-abcdefgh12345678', '[redacted]'],
  ['Authorization: Bearer abcdef.ghijkl', 'Authorization: [redacted]'],
])('%s', (text, safe) => {
  expect(safeText(text)).toBe(safe);
});

test.each(['the user passes the test', 'see https://example.com/a@b', 'basic settings', 'compass=north'])(
  'left alone: %s',
  (text) => {
    expect(safeText(text)).toBe(text);
  },
);

test('a history keeps no more of it than of any content', () => {
  expect(safeText('x'.repeat(1_000))).toHaveLength(FAILURE_CHARS);
});
