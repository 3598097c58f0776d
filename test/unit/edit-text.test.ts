// Needs: sh and sed. A text in an editor: what was made of it comes back, and what was not changed is refused.
import { editText } from '../../client/cli/edit-text';

test('the editor may be a command line of its own; the new line that it adds at the end is not part of the text', () => {
  expect(editText('walk on', { EDITOR: 'sed -i -e s/on/back/ -e "$ a more"' })).toBe('walk back\nmore');
  expect(editText('walk on\n', { EDITOR: 'sed -i s/on/back/' })).toBe('walk back\n');
  expect(editText('a', { VISUAL: 'sed -i s/a/b/', EDITOR: 'false' })).toBe('b');
});

test.each([
  [{}, 'misconfigured'],
  [{ EDITOR: '' }, 'misconfigured'],
  [{ EDITOR: 'false' }, 'invalid-input'],
  [{ EDITOR: 'true' }, 'invalid-input'],
  [{ EDITOR: '/no/such/editor 2>/dev/null' }, 'invalid-input'],
])('%j: %s', (env, code) => {
  expect(() => editText('a', env)).toThrow(expect.objectContaining({ code }) as Error);
});
