// What a command that starts something says first: which model answers, what did not load, what a crash left, where a run is seen.
import { routeText } from '../../activities/define/route';
import type { PublishedRelease } from '../../workers/publish-releases';
import type { ServedAgents } from '../../workers/serve-agents';
import { problemLine, type SourceProblem } from '../../workers/source-loader';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { webUiLink } from '../find-temporal';
import type { CliContext } from './context';
import { counted } from '../format';
import type { Host } from './host';
import { waitingOf } from '../inbox';
import { waitingLine } from './waiting';

export function modelLine({ model }: ReleaseManifest): string {
  const [first = 'none'] = model.route;
  if (!first.startsWith('demo/')) return routeText(model.route, model.plan) || first;
  return 'demo (no language model: it searches and quotes). A real one: set OPENAI_API_KEY or OPENAI_BASE_URL';
}

export const whereLine = ({ uiUrl, namespace }: Host, id: string): string =>
  `${uiUrl === undefined ? '' : `web UI ${webUiLink(uiUrl, namespace, id)}   `}killing this is safe: the run is kept`;

export function reportProblems({ output, settings }: CliContext, problems: readonly SourceProblem[]): void {
  for (const problem of problems) output.note(`problem  ${output.safeLine(problemLine(problem, settings.project))}`);
}

/** Of agents whose new runs take what somebody said by command, and not what was loaded here: neither is passed off as the other. */
export const managedLines = (published: readonly PublishedRelease[]): string[] =>
  published.flatMap(({ agent, release, managed, unreleased }) =>
    unreleased
      ? [
          `unreleased  ${agent}: its files here make release ${release.slice(0, 12)}, and new runs are refused until somebody says so: longhaul release ${agent}`,
        ]
      : managed && managed.release !== release
        ? [
            `apart    ${agent}: its files here make release ${release.slice(0, 12)}, and new runs take ${managed.release.slice(0, 12)}, as somebody said; ` +
              `to compare: longhaul releases diff ${agent} current ${release.slice(0, 12)}; to change that: longhaul release ${agent} --take`,
          ]
        : [],
  );

/** What a crash left, in one line a run, and what of it waits for a person: said before anything goes on. */
export async function reportUnfinished({ output }: CliContext, { unfinished, store }: Host): Promise<void> {
  for (const { record, kept, repeated } of unfinished) {
    const waiting = await waitingOf(store, record.id);
    const found =
      waiting.length > 0
        ? `waits for a person, ${counted(kept, 'call')} kept`
        : `picked up, ${counted(kept, 'call')} kept, ${counted(repeated, 'call')} repeated`;
    output.note(`unfinished  ${record.id}  ${record.agent}  "${output.safeLine(record.question)}": ${found}`);
    for (const one of waiting) output.note(`            ${waitingLine(output, one)}`);
  }
}

/** For `--json`. */
export const servedAgents = ({ loaded }: ServedAgents): { name: string; release: string; model: string[] }[] =>
  loaded.agents.map(({ manifest, release }) => ({ name: manifest.agent, release, model: manifest.model.route }));
