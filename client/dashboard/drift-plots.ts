// How an agent's runs have changed, as pictures that the server draws: the median of each step of time, with what lies around it, each
// release by itself. The same as a table, for whoever does not see them, or wants the numbers.
import { formatPercent, formatTokens } from '../format';
import type { AgentProfile } from '../profile/profile-shape';
import { html, NOTHING, type Html } from './html';
import { releaseLink } from './run-facts';

type Drift = AgentProfile['drift'];
type Point = Drift['points'][number];
type Spread = Point['tokens'];

const WIDTH = 420;
const HEIGHT = 150;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 10, 10, 24];
/** Releases that are told apart, the newest; those before them look the same. */
const LOOKS = 6;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Plot {
  title: string;
  /** Undefined where the step has nothing of it. */
  valueOf(point: Point): ({ p50: number } & Partial<Spread>) | undefined;
  shown(value: number): string;
  /** Of shares. @default the largest value there is */
  most?: number;
}

const share = (part: number, of: number): { p50: number } | undefined => (of === 0 ? undefined : { p50: part / of });

const PLOTS: readonly Plot[] = [
  { title: 'Tokens of a run', valueOf: ({ tokens }) => tokens, shown: (value) => formatTokens(Math.round(value)) },
  { title: 'Turns of a run', valueOf: ({ turns }) => turns, shown: (value) => String(Number(value.toFixed(1))) },
  {
    ...{ title: 'Share of runs that were completed', shown: formatPercent, most: 1 },
    valueOf: ({ completed, runs }) => share(completed, runs),
  },
  {
    ...{ title: 'Share of tool calls that failed', shown: formatPercent },
    valueOf: ({ toolFailures, toolCalls }) => share(toolFailures, toolCalls),
  },
];

export function driftHtml({ stepMs, points }: Drift): Html {
  const releases = [...new Set(points.map(({ release }) => release))];
  const lookOf = (release: string): string => {
    const age = releases.length - 1 - releases.indexOf(release);
    return age < LOOKS ? `s${age}` : 'old';
  };
  return html`<p>
      Each point is the median of the runs that began within ${stepText(stepMs)}; the line through it goes from the
      tenth to the ninetieth percentile.
    </p>
    <ul class="legend">
      ${releases.toReversed().map(
        (release) =>
          html`<li>
            <svg viewBox="0 0 28 12" class="plot" aria-hidden="true">
              <path class="${lookOf(release)}" d="M1 6H27" />
            </svg>
            ${releaseLink(release)}
          </li>`,
      )}
    </ul>
    <div class="plots">${PLOTS.map((plot) => plotHtml(plot, { stepMs, points }, releases, lookOf))}</div>
    <details>
      <summary>The same as a table</summary>
      ${tableHtml({ stepMs, points })}
    </details>`;
}

function plotHtml(
  plot: Plot,
  { stepMs, points }: Drift,
  releases: readonly string[],
  lookOf: (release: string) => string,
): Html {
  const { title, valueOf, shown } = plot;
  const values = points.flatMap((point) => valueOf(point) ?? []);
  const first = Math.min(...points.map(({ from }) => from));
  const last = Math.max(...points.map(({ from }) => from));
  const found = Math.max(...values.map(({ p50, p90 = p50 }) => p90));
  const most = plot.most ?? (found > 0 ? found : 1);
  const x = (from: number): string =>
    (LEFT + ((from - first + stepMs / 2) / (last - first + stepMs)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / most) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const text = (point: Point | undefined): string => {
    const value = point && valueOf(point);
    return value ? shown(value.p50) : 'nothing';
  };
  const told = points.filter((point) => valueOf(point));
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${
      told.length === 0
        ? html`<p class="quiet">Nothing to show.</p>`
        : html`<svg
            class="plot"
            viewBox="0 0 ${WIDTH} ${HEIGHT}"
            role="img"
            aria-label="${title}: ${text(told[0])} at first, ${text(told.at(-1))} now"
          >
            ${[0, most / 2, most].map(
              (value) =>
                html`<path class="grid" d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" />
                  <text x="${LEFT - 6}" y="${y(value)}" class="end">${shown(value)}</text>`,
            )}
            <text x="${LEFT}" y="${HEIGHT - 4}">${timeText(first, stepMs)}</text>
            ${last > first ? html`<text x="${WIDTH - RIGHT}" y="${HEIGHT - 4}" class="end">${timeText(last, stepMs)}</text>` : NOTHING}
            ${releases.map((release) =>
              seriesHtml(
                told
                  .filter((point) => point.release === release)
                  .flatMap((point) => markOf(valueOf(point), x(point.from), y)),
                lookOf(release),
              ),
            )}
          </svg>`
    }
  </figure>`;
}

interface Mark {
  x: string;
  y: string;
  /** Of the line through it. */
  ends?: { low: string; high: string };
}

function markOf(value: ReturnType<Plot['valueOf']>, x: string, y: (value: number) => string): Mark[] {
  if (!value) return [];
  const { p10, p50, p90 } = value;
  return [{ x, y: y(p50), ...(p10 === undefined || p90 === undefined ? {} : { ends: { low: y(p10), high: y(p90) } }) }];
}

const seriesHtml = (points: readonly Mark[], look: string): Html =>
  html`<path class="${look}" d="${points.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${x} ${y}`).join('')}" />
    ${points.map(
      ({ x, y, ends }) =>
        html`${ends ? html`<path class="${look} spread" d="M${x} ${ends.low}V${ends.high}" />` : NOTHING}
          <circle class="${look}" cx="${x}" cy="${y}" r="3" />`,
    )}`;

const stepText = (ms: number): string => {
  if (ms < DAY_MS) return ms === HOUR_MS ? 'an hour' : `${ms / HOUR_MS} hours`;
  return ms === DAY_MS ? 'a day' : `${ms / DAY_MS} days`;
};

const timeText = (ms: number, stepMs: number): string => {
  const iso = new Date(ms).toISOString();
  return stepMs >= DAY_MS ? iso.slice(0, 10) : `${iso.slice(5, 16).replace('T', ' ')}`;
};

const spreadText = ({ p10, p50, p90 }: Spread, shown: (value: number) => string): string =>
  `${shown(p50)} (${shown(p10)} to ${shown(p90)})`;

const tableHtml = ({ stepMs, points }: Drift): Html =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="How its runs have changed">
    <table>
      <thead>
        <tr>
          <th scope="col">From (UTC)</th>
          <th scope="col">Release</th>
          <th scope="col" class="number">Runs</th>
          <th scope="col" class="number">Tokens, median (p10 to p90)</th>
          <th scope="col" class="number">Turns, median (p10 to p90)</th>
          <th scope="col" class="number">Completed</th>
          <th scope="col" class="number">Tool calls that failed</th>
        </tr>
      </thead>
      <tbody>
        ${points.toReversed().map(
          ({ from, release, runs, completed, tokens, turns, toolCalls, toolFailures }) =>
            html`<tr>
              <th scope="row">${timeText(from, stepMs)}</th>
              <td>${releaseLink(release)}</td>
              <td class="number">${runs}</td>
              <td class="number">${spreadText(tokens, formatTokens)}</td>
              <td class="number">${spreadText(turns, String)}</td>
              <td class="number">${formatPercent(completed / runs)}</td>
              <td class="number">${toolCalls === 0 ? '' : `${toolFailures} of ${toolCalls}`}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
