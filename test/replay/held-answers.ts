// A model that answers when it is let go, by what was said last: a history is recorded at the moment that it is about.
import type { Respond } from '../kit/model-server';
import { createHolds, type Holds } from '../stack/holds';

export interface HeldAnswers extends Pick<Holds, 'hold'> {
  readonly respond: Respond;
}

export function heldAnswers(): HeldAnswers {
  const { hold, pass } = createHolds();
  return {
    hold,
    respond: async ({ messages }) => {
      const newest = messages.at(-1);
      await pass(newest?.text ?? '');
      if (newest?.role === 'user' && newest.text.startsWith('note '))
        return { calls: [{ name: 'note', args: { text: newest.text } }] };
      return { text: `heard ${newest?.text}` };
    },
  };
}
