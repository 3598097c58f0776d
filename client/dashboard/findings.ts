// What the watch has found of an agent, with the runs that show it.
import type { z } from 'zod';
import type { findingsShape } from '../api/routes/findings';
import { alsoText, changeText, comparedText } from '../finding-text';
import { ageOf, html, NOTHING, shownText, type Html } from './html';
import { releaseLink, runLink } from './run-facts';

export function findingsHtml({ findings, more }: z.output<typeof findingsShape>): Html {
  if (findings.length === 0) return html`<p>Nothing was found.</p>`;
  return html`<ul class="findings">
      ${findings.map((finding) => {
        const { release, against, why, runs, at } = finding;
        const also = alsoText(finding);
        return html`<li data-row>
          <b>${shownText(changeText(finding))}</b> <span class="quiet">${ageOf(at)} ago</span><br />
          release
          ${releaseLink(release)}${against === undefined ? NOTHING : html`, against ${releaseLink(against)}`}${comparedText(finding)}.
          ${also === '' ? NOTHING : html`${shownText(also)}.`}
          ${why === undefined ? NOTHING : html`${shownText(why)}.`}<br />
          ${runs.map((run, nth) => html`${nth === 0 ? 'runs ' : ', '}${runLink(run)}`)}
        </li>`;
      })}
    </ul>
    ${more ? html`<p>There are older ones: <code>longhaul findings</code> lists them.</p>` : NOTHING}`;
}
