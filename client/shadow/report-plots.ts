// The plots of the report, drawn by whoever writes it: what is in them stands in the tables beside them.
import { html, NOTHING, shownText, type Html } from '../dashboard/html';
import { formatPercent, formatTokens } from '../format';
import type { ShadowComparison } from './compare-shadow';
import type { ReleaseRow } from './shadow-report';

const WIDTH = 720;
const LEFT = 150;
const RIGHT = 50;
const BAR = 14;
const GAP = 6;
const CHARS = 22;

const lookOf = (row: Pick<ReleaseRow, 'isFloor'>, at: number): string => (row.isFloor ? 'floor' : `s${at % 2}`);
const short = (text: string): string => (text.length > CHARS ? `${text.slice(0, CHARS - 1)}…` : text);

const MEASURES = ['identical', 'outcome', 'tools', 'arguments', 'answer'] as const;

/** A bar for each release and measure, with the interval of its share. */
export function barsPlot(rows: readonly ReleaseRow[], called: (row: ReleaseRow) => string): Html {
  const group = 18 + rows.length * (BAR + GAP) + 10;
  const height = MEASURES.length * group + 20;
  const x = (share: number): number => LEFT + share * (WIDTH - LEFT - RIGHT);
  return html`<svg
    viewBox="0 0 ${WIDTH} ${height}"
    role="img"
    aria-label="shares of shadows that are the same as their runs"
  >
    ${[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        html`<path class="axis" d="M${x(share)} 0V${height - 16}" />
          <text x="${x(share)}" y="${height - 3}" text-anchor="middle">${formatPercent(share)}</text>`,
    )}
    ${MEASURES.map((measure, nth) => {
      const top = nth * group;
      return html`<text class="name" x="0" y="${top + 13}">${measure}</text> ${rows.map((row, at) => {
          const { of, all, low, high } = row[measure];
          const y = top + 18 + at * (BAR + GAP);
          const middle = y + BAR / 2;
          return html`<text x="12" y="${y + BAR - 3}">${shownText(short(called(row)))}</text>
            <rect
              class="${lookOf(row, at)}"
              x="${LEFT}"
              y="${y}"
              width="${(x(of / all) - LEFT).toFixed(1)}"
              height="${BAR}"
            />
            <path class="whisker" d="M${x(low).toFixed(1)} ${middle}H${x(high).toFixed(1)}" />
            <text x="${WIDTH - RIGHT + 6}" y="${y + BAR - 3}">${of}/${all}</text>`;
        })}`;
    })}
  </svg>`;
}

const STEPS_SHOWN = 30;

/** How many part at which step. */
export function stepsPlot(rows: readonly ReleaseRow[], called: (row: ReleaseRow) => string): Html {
  const told = rows.filter(({ steps }) => steps.length > 0);
  if (told.length === 0) return NOTHING;
  const last = Math.min(STEPS_SHOWN, Math.max(...told.flatMap(({ steps }) => steps.map(({ step }) => step))));
  const most = Math.max(...told.flatMap(({ steps }) => steps.map(({ shadows }) => shadows)));
  const [high, foot] = [90, 30];
  const column = (WIDTH - LEFT - RIGHT) / last;
  return html`${told.map(
    (row, at) =>
      html`<svg
        viewBox="0 0 ${WIDTH} ${high + foot}"
        role="img"
        aria-label="steps at which shadows part from their runs"
      >
        <text class="name" x="0" y="14">${shownText(short(called(row)))}</text>
        <path class="axis" d="M${LEFT} ${high}H${WIDTH - RIGHT}" />
        ${row.steps.map(({ step, shadows }) => {
          // Those behind the last that is shown stand in it.
          const place = Math.min(step, last);
          const tall = (shadows / most) * (high - 14);
          const x = LEFT + (place - 1) * column;
          return html`<rect
              class="${lookOf(row, at)}"
              x="${(x + column * 0.1).toFixed(1)}"
              y="${(high - tall).toFixed(1)}"
              width="${(column * 0.8).toFixed(1)}"
              height="${tall.toFixed(1)}"
            />
            <text x="${(x + column / 2).toFixed(1)}" y="${high + 13}" text-anchor="middle">${step}</text>
            <text x="${(x + column / 2).toFixed(1)}" y="${(high - tall - 3).toFixed(1)}" text-anchor="middle"
              >${shadows}</text
            >`;
        })}
        <text x="${LEFT}" y="${high + 27}">step</text>
      </svg>`,
  )}`;
}

/** Each run and its shadow as a dot: to the right what the run took, upwards what its shadow did. */
export function dotsPlot(comparisons: readonly ShadowComparison[]): Html {
  const most = Math.max(1, ...comparisons.flatMap(({ took }) => [took.run.tokens, took.shadow.tokens]));
  const [size, left, foot] = [300, 60, 26];
  const x = (tokens: number): string => (left + (tokens / most) * (size - left - 10)).toFixed(1);
  const y = (tokens: number): string => (size - foot - (tokens / most) * (size - foot - 10)).toFixed(1);
  return html`<svg
    viewBox="0 0 ${size} ${size}"
    width="${size}"
    role="img"
    aria-label="tokens of runs and of their shadows"
  >
    <path class="axis" d="M${x(0)} ${y(most)}V${y(0)}H${x(most)}M${x(0)} ${y(0)}L${x(most)} ${y(most)}" />
    ${comparisons.map(
      ({ took, isFloor }) =>
        html`<circle
          class="dot ${isFloor ? 'floor' : 's0'}"
          cx="${x(took.run.tokens)}"
          cy="${y(took.shadow.tokens)}"
          r="4"
        />`,
    )}
    <text x="${left - 6}" y="${y(most)}" text-anchor="end">${formatTokens(most)}</text>
    <text x="${x(most)}" y="${size - 10}" text-anchor="end">${formatTokens(most)}</text>
    <text x="${left - 6}" y="${y(0)}" text-anchor="end">0</text>
  </svg>`;
}
