// The whole conversation of a run up to its last checkpoint, so many messages at once.
import { z } from 'zod';
import { createConversation, type ContentStore } from '../../activities/store';
import { lastCheckpoint } from '../../activities/store/last-checkpoint';
import type { Message } from '../../workflows/contract/message';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { createTurnstile } from '../api/turnstile';
import { refuseErased } from '../recorded-result';
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
    refuseErased(record);
    const { from } = queryOf(queryShape, query);
    const messages = await readers.pass(caller, () => saidIn(store, record));
    const page = messages.slice(from - 1, from - 1 + PAGE);
    return {
      title: `Conversation of ${record.id}`,
      body: html`<h1>Conversation of <a href="${linkTo(['runs', record.id])}">${shownText(record.id)}</a></h1>
        ${pager(record.id, from, messages.length)}
        ${page.map((message, at) => messageHtml(message, String(from + at), true))}
        ${page.length > 5 ? pager(record.id, from, messages.length) : NOTHING}`,
    };
  },
};

async function saidIn(store: ContentStore, record: RunRecord): Promise<Message[]> {
  const { head } = await lastCheckpoint(store, record);
  const conversation = createConversation(store);
  // Before its first checkpoint a run consists of what it was asked.
  if (head === null) return await conversation.messages([record.input]);
  return (await conversation.originals(head, record.id)).map(({ message }) => message);
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
