// The report on shadows as one file: no script, nothing from elsewhere, plots drawn as SVG, and each of them as a table too.
import { html, NOTHING, preText, shownText, timeOf, type Html } from '../dashboard/html';
import { counted, formatDuration, formatPercent, formatTokens, formatUsd } from '../format';
import { KIND_TEXTS, type ShadowComparison } from './compare-shadow';
import { barsPlot, dotsPlot, stepsPlot } from './report-plots';
import { beyondNoise, type ReleaseRow, type Share, type ShadowReport } from './shadow-report';

export interface ReportPage {
  report: ShadowReport;
  /** What people call a release. */
  nameOf(release: string): string;
  /** Milliseconds since the epoch. */
  now: number;
}

/** In full; of the others the sums tell. */
const RUNS_SHOWN = 200;

export function reportPage({ report, nameOf, now }: ReportPage): Html | Promise<Html> {
  const { agent, rows, unfair } = report;
  const comparisons = report.comparisons.filter((one) => one.unfair === null);
  const called = ({ isFloor, release }: ReleaseRow): string => (isFloor ? "the runs' own" : nameOf(release));
  const floor = rows.find(({ isFloor }) => isFloor);
  const shown = comparisons.slice(0, RUNS_SHOWN);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>Shadows</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <h1>Shadows of ${shownText(agent)}</h1>
        <p>
          ${counted(comparisons.length, 'shadow')}, each compared with its run, as of ${timeOf(now)}. A shadow did
          nothing: its tools were answered as the run's were. Shadows by a run's own release tell how much differs by
          chance.
        </p>
        ${unfair.map(({ why, shadows }) => html`<p class="quiet">${counted(shadows, 'shadow')} not counted: ${why}.</p>`)}
        ${comparisons.length === 0 ? html`<p>There is none that has ended.</p>` : html`${rows.map((row) => verdict(row, floor, called))}`}
        ${
          comparisons.length === 0
            ? NOTHING
            : html`<h2>How many are the same</h2>
                ${barsPlot(rows, called)} ${sharesTable(rows, called)}
                <h2>Where they part first</h2>
                <p>
                  At which step of the run, by its own numbers; ${differing(comparisons)} of ${comparisons.length}
                  differ.
                </p>
                ${stepsPlot(rows, called)} ${kindsTable(rows, called)}
                <h2>What they took</h2>
                <p>Tokens of each run, to the right, and of its shadow, upwards. On the line both took as much.</p>
                ${dotsPlot(comparisons)} ${tookTable(rows, called)}
                <h2>Runs</h2>
                ${comparisons.length > shown.length ? html`<p>The newest ${shown.length}.</p>` : NOTHING}
                ${shown.map((one) => runHtml(one, nameOf))}`
        }
      </body>
    </html>`;
}

const differing = (all: readonly ShadowComparison[]): number => all.filter(({ first }) => first !== null).length;

function verdict(row: ReleaseRow, floor: ReleaseRow | undefined, called: (row: ReleaseRow) => string): Html {
  if (row.isFloor) return NOTHING;
  const beyond = beyondNoise(row, floor);
  const what = !floor
    ? 'nothing tells what differs by chance: no run was shadowed by its own release.'
    : beyond.length === 0
      ? 'no share differs by more than chance, as far as so many shadows tell.'
      : `differs by more than chance in: ${beyond.join(', ')}.`;
  return html`<p class="${beyond.length > 0 ? 'differs' : ''}"><b>${shownText(called(row))}</b>: ${what}</p>`;
}

const share = ({ of, all, low, high }: Share): Html =>
  html`${of} of ${all} <span class="quiet">${formatPercent(low)} to ${formatPercent(high)}</span>`;

const sharesTable = (rows: readonly ReleaseRow[], called: (row: ReleaseRow) => string): Html =>
  html`<table>
    <thead>
      <tr>
        <th>release</th>
        <th>shadows</th>
        <th>identical</th>
        <th>outcome</th>
        <th>tools</th>
        <th>arguments</th>
        <th>answer</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            <td>${shownText(called(row))}</td>
            <td>${row.shadows}</td>
            <td>${share(row.identical)}</td>
            <td>${share(row.outcome)}</td>
            <td>${share(row.tools)}</td>
            <td>${share(row.arguments)}</td>
            <td>${share(row.answer)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;

const kindsTable = (rows: readonly ReleaseRow[], called: (row: ReleaseRow) => string): Html =>
  html`<table>
    <thead>
      <tr>
        <th>release</th>
        <th>differs first in</th>
        <th>shadows</th>
      </tr>
    </thead>
    <tbody>
      ${rows.flatMap((row) =>
        row.first.map(
          ({ kind, shadows }) =>
            html`<tr>
              <td>${shownText(called(row))}</td>
              <td>${KIND_TEXTS[kind]}</td>
              <td>${shadows}</td>
            </tr>`,
        ),
      )}
    </tbody>
  </table>`;

const tookTable = (rows: readonly ReleaseRow[], called: (row: ReleaseRow) => string): Html =>
  html`<table>
    <thead>
      <tr>
        <th>release</th>
        <th></th>
        <th>tokens, median</th>
        <th>tool calls, median</th>
        <th>the model's time, median</th>
        <th>cost of all</th>
      </tr>
    </thead>
    <tbody>
      ${rows.flatMap((row) =>
        [['runs', row.took.runs] as const, ['shadows', row.took.shadows] as const].map(
          ([whose, { tokens, toolCalls, modelMs, nanoUsd }]) =>
            html`<tr>
              <td>${shownText(called(row))}</td>
              <td>${whose}</td>
              <td>${formatTokens(Math.round(tokens))}</td>
              <td>${toolCalls}</td>
              <td>${formatDuration(modelMs)}</td>
              <td>${nanoUsd === null ? 'not known' : formatUsd(nanoUsd)}</td>
            </tr>`,
        ),
      )}
    </tbody>
  </table>`;

function runHtml(one: ShadowComparison, nameOf: (release: string) => string): Html {
  const { first, outcome, answer, answered } = one;
  const where = first === null ? 'the same' : first.step === null ? `message ${first.position}` : `step ${first.step}`;
  return html`<details>
    <summary>
      <code>${shownText(one.run)}</code> by ${one.isFloor ? 'its own release' : shownText(nameOf(one.shadowRelease))}:
      ${first === null ? where : html`${where}, ${KIND_TEXTS[first.kind]}`}
    </summary>
    ${
      first === null
        ? NOTHING
        : html`<div class="pair">
            <div>
              <h3>run</h3>
              <pre>${preText(first.run ?? 'nothing')}</pre>
            </div>
            <div>
              <h3>shadow</h3>
              <pre>${preText(first.shadow ?? 'nothing')}</pre>
            </div>
          </div>`
    }
    ${outcome.same ? NOTHING : html`<p>Outcome: ${shownText(outcome.run)} → ${shownText(outcome.shadow)}</p>`}
    ${
      answer.same
        ? NOTHING
        : html`<p>Answer:</p>
            <pre>${preText(answer.run ?? 'none')}</pre>
            <pre>${preText(answer.shadow ?? 'none')}</pre>`
    }
    <p>Tools: ${shownText(one.tools.run.join(', ') || 'none')} → ${shownText(one.tools.shadow.join(', ') || 'none')}</p>
    ${answered.notExecuted.map(
      ({ step, tool, arguments: given }) =>
        html`<p>Step ${step} would have called <code>${shownText(`${tool} ${given}`)}</code>: not executed.</p>`,
    )}
  </details>`;
}

const STYLE = `
  :root { color-scheme: light dark; --ink: #1b1f24; --quiet: #626c78; --line: #c9d0d8; --paper: #fff; --s0: #1f6feb; --s1: #8250df; --floor: #8a929c; --bad: #c4432b; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --quiet: #9aa4b0; --line: #3a424c; --paper: #14181d; --s0: #58a6ff; --s1: #bc8cff; --floor: #848d97; --bad: #ff7b63; } }
  body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2rem; } h3 { margin: 0; font-size: 0.9rem; color: var(--quiet); }
  table { border-collapse: collapse; margin: 0.5rem 0; } th, td { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
  .quiet { color: var(--quiet); font-size: 0.85em; } .differs { color: var(--bad); } .unseen { color: var(--bad); }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); padding: 0.5rem; } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
  svg { max-width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--quiet); } svg .name { fill: var(--ink); }
  .axis { stroke: var(--line); fill: none; } .s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .floor { fill: var(--floor); } .whisker { stroke: var(--ink); fill: none; } .dot { fill-opacity: 0.6; }
`;
