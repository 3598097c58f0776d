// Needs: nothing.
import { createClosing, openOrClose } from '../../client/cli/closing';

test('everything is closed in the reverse order, although something fails, and the first failure is told', async () => {
  const closed: string[] = [];
  const closing = createClosing();
  closing.add(() => void closed.push('lock'));
  closing.add(() => {
    throw new Error('second');
  });
  closing.add(() => Promise.reject(new Error('first')));
  closing.add(() => void closed.push('worker'));
  await expect(closing.close()).rejects.toThrow('first');
  expect(closed).toEqual(['worker', 'lock']);
  await closing.close();
  expect(closed).toEqual(['worker', 'lock']);
});

test('what was opened before something failed is closed, and why it failed is told', async () => {
  const closed: string[] = [];
  const opening = openOrClose((closing) => {
    closing.add(() => void closed.push('store'));
    closing.add(() => Promise.reject(new Error('and the connection')));
    return Promise.reject(new Error('no server'));
  });
  await expect(opening).rejects.toThrow('no server');
  expect(closed).toEqual(['store']);
});
