// What waits for people, over all runs, with the arguments in view.
import { requestsShape } from '../api/shapes';
import { html, linkTo, NOTHING } from './html';
import type { ShownPlace } from './place';
import { requestHtml } from './request-forms';

export const inboxPage: ShownPlace = {
  path: '/inbox',
  show: async ({ ask, query, caller, token }) => {
    const cursor = query.get('cursor') ?? undefined;
    const { requests, next } = await ask.get(requestsShape, '/v1/requests', {}, { cursor });
    return {
      title: 'Inbox',
      body: html`<h1>Inbox</h1>
        <div id="requests" data-live="${cursor === undefined ? '4' : ''}">
          ${requests.length === 0 ? html`<p>Nothing waits for a person.</p>` : NOTHING}
          ${requests.map((request) => requestHtml(request, { caller, token }, 'inbox'))}
        </div>
        ${next === undefined ? NOTHING : html`<nav class="pager" aria-label="Pages of requests"><a href="${linkTo(['inbox'], { cursor: next })}" rel="next">More</a></nav>`}`,
    };
  },
};
