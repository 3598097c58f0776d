// A model that answers when it is let go, by what was said last: a history is recorded at the moment that it is about.
import type { Respond } from '../kit/model-server';

export interface HeldAnswers {
  readonly respond: Respond;
  /** From now on whoever says this waits for its answer. */
  hold(text: string): { arrived: Promise<void>; letGo(): void };
}

export function heldAnswers(): HeldAnswers {
  const held = new Map<string, { arrived: () => void; letGo: Promise<void> }>();
  return {
    respond: async ({ messages }) => {
      const newest = messages.at(-1);
      const waits = held.get(newest?.text ?? '');
      waits?.arrived();
      await waits?.letGo;
      if (newest?.role === 'user' && newest.text.startsWith('note '))
        return { calls: [{ name: 'note', args: { text: newest.text } }] };
      return { text: `heard ${newest?.text}` };
    },
    hold: (text) => {
      let letGo = (): void => undefined;
      let arrived = (): void => undefined;
      const going = new Promise<void>((resolve) => (letGo = resolve));
      const there = new Promise<void>((resolve) => (arrived = resolve));
      held.set(text, { arrived, letGo: going });
      return { arrived: there, letGo };
    },
  };
}
