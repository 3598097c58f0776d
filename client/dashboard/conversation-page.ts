// The whole conversation of a run up to its last checkpoint, so many messages at once.
import { z } from 'zod';
import { createTurnstile } from '../api/turnstile';
import type { PlacedMessage } from '../call-content';
import { saidInRun } from '../said-in-run';
import { goneHtml } from './gone-parts';
import { html, linkTo, NOTHING, shownText, type Html } from './html';
import { messageHtml } from './message';
import { queryOf, type ShownPlace } from './place';

/** Each reads a whole conversation. */
const readers = createTurnstile(20);
const PAGE = 100;
const queryShape = z.object({ from: z.coerce.number().int().min(1).default(1) });

export const conversationPage: ShownPlace = {
  path: '/runs/:id/conversation',
  show: async ({ knownRun, params, query, caller }) => {
    const { record, store } = await knownRun(params['id'] ?? '');
    const { from } = queryOf(queryShape, query);
    const { said } = await readers.pass(caller, () => saidInRun(store, record));
    const page = said.slice(from - 1, from - 1 + PAGE);
    return {
      title: `Conversation of ${record.id}`,
      body: html`<h1>Conversation of <a href="${linkTo(['runs', record.id])}">${shownText(record.id)}</a></h1>
        ${pager(record.id, from, said.length)} ${page.map(placedHtml)}
        ${page.length > 5 ? pager(record.id, from, said.length) : NOTHING}`,
    };
  },
};

function placedHtml({ position, message, gone }: PlacedMessage): Html {
  if (message) return messageHtml(message, String(position), true);
  return gone ? goneHtml(gone, position === null ? 'What came before' : `Message ${position}`) : NOTHING;
}

function pager(id: string, from: number, of: number): Html {
  const link = (at: number, text: string): Html =>
    html`<a href="${linkTo(['runs', id, 'conversation'], { from: String(Math.max(1, at)) })}">${text}</a>`;
  const last = Math.max(1, Math.floor((of - 1) / PAGE) * PAGE + 1);
  return html`<p class="pager">
    <span>messages ${Math.min(from, of)} to ${Math.min(of, from + PAGE - 1)} of ${of}</span>
    ${from > 1 ? html`${link(1, 'First')} ${link(from - PAGE, 'Earlier')}` : NOTHING}
    ${from + PAGE <= of ? html`${link(from + PAGE, 'Later')} ${link(last, 'Last')}` : NOTHING}
  </p>`;
}
