// What the looks at a rollout came to, as pictures that the server draws: of each metric the estimate and between which bounds it was, look by look,
// with what is tolerated. The same as words beside it, and as a table.
import { harmInWords, type HarmPlot } from '../../activities/rollout/explain';
import type { MetricPolicy } from '../../workflows/contract/rollout';
import { html, NOTHING, type Html } from './html';

const WIDTH = 420;
const HEIGHT = 150;
const [LEFT, RIGHT, TOP, BOTTOM] = [92, 10, 12, 24];
/** Margins that are shown at least, to either side of no difference. */
const MARGINS_LEAST = 2;
/** Farther out nothing is told apart that matters. */
const MARGINS_MOST = 6;

/** @param asOf of the newest look, in words */
export function harmPlotHtml({ margin, points, metric: name }: HarmPlot, metric: MetricPolicy, asOf: string): Html {
  const reach = reachOf({ margin, points });
  const most = Math.max(1, ...points.map(({ units }) => units));
  const clamped = (value: number): number => Math.max(-reach, Math.min(reach, value));
  const x = (units: number): string => (LEFT + (units / most) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (harm: number): string =>
    (TOP + ((reach - clamped(harm)) / (2 * reach)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  return html`<figure>
    <figcaption>${name}</figcaption>
    <svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${asOf}">
      ${[0, margin].map(
        (value) =>
          html`<path class="grid" d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" />
            <text x="${LEFT - 6}" y="${y(value)}" class="end">${value === 0 ? 'no difference' : 'tolerated'}</text>`,
      )}
      <text x="${LEFT - 6}" y="${TOP + 4}" class="end">worse</text>
      <text x="${WIDTH - RIGHT}" y="${HEIGHT - 4}" class="end">${most} units of the candidate</text>
      <path
        class="s0"
        d="${points.map(({ units, harm }, at) => `${at === 0 ? 'M' : 'L'}${x(units)} ${y(harm)}`).join('')}"
      />
      ${points.map(
        ({ units, harm, atLeast = -reach, atMost = reach }) =>
          html`<path class="s0 spread" d="M${x(units)} ${y(atLeast)}V${y(atMost)}" />
            <circle class="s0" cx="${x(units)}" cy="${y(harm)}" r="3" />`,
      )}
    </svg>
    ${points.length === 0 ? NOTHING : tableHtml(name, points, metric)}
  </figure>`;
}

function reachOf({ margin, points }: Pick<HarmPlot, 'margin' | 'points'>): number {
  const found = points.flatMap(({ harm, atLeast = 0, atMost = 0 }) => [harm, atLeast, atMost].map(Math.abs));
  return Math.min(MARGINS_MOST * margin, Math.max(MARGINS_LEAST * margin, ...found));
}

/** Shown of the looks: the newest. */
const ROWS = 20;

const tableHtml = (name: string, points: HarmPlot['points'], metric: MetricPolicy): Html =>
  html`<details>
    <summary>The same as a table</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Looks at ${name}">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">Units</th>
            <th scope="col">Difference</th>
            <th scope="col">At least</th>
            <th scope="col">At most</th>
          </tr>
        </thead>
        <tbody>
          ${points
            .slice(-ROWS)
            .toReversed()
            .map(
              ({ units, harm, atLeast, atMost }) =>
                html`<tr>
                  <th scope="row" class="number">${units}</th>
                  <td>${harmInWords(harm, metric)}</td>
                  <td>${atLeast === undefined ? 'not known' : harmInWords(atLeast, metric)}</td>
                  <td>${atMost === undefined ? 'not known' : harmInWords(atMost, metric)}</td>
                </tr>`,
            )}
        </tbody>
      </table>
    </div>
  </details>`;
