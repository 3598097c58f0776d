// Series by agent and release, whose number is bounded whatever names come: of each agent those of its newest releases are kept, and an older
// one's are taken out. A release is named by its first characters, as everywhere where people read it.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { OfRelease } from '../activities';

/** As many as a worker keeps loaded in development (agent-registry.ts); in production one or two. */
const RELEASES_MOST = 20;
/** Of one process. Those that come later are counted together, as `other`. */
const AGENTS_MOST = 500;
/** Of one metric and one release: tools, models, types. What comes later is counted as `other`, for names may come from outside. */
const SETS_MOST = 500;
export const RELEASE_CHARS = 12;
const OTHER = 'other';

type Labels = Partial<{ readonly [name: string]: string }>;
interface Removable {
  remove(labels: { [name: string]: string }): void;
}
/** Label sets of one release, by metric. */
type Kept = Map<Removable, Map<string, { [name: string]: string }>>;

export interface Exemplar {
  tenant: string;
  run: string;
}

interface Described {
  name: string;
  help: string;
  /** Beside agent and release. */
  labels?: readonly string[];
}

export interface ReleaseSeries {
  counter(of: Described): (release: OfRelease, labels?: Labels, value?: number, exemplar?: Exemplar) => void;
  histogram(
    of: Described & { buckets: number[] },
  ): (release: OfRelease, labels: Labels, value: number, exemplar?: Exemplar) => void;
}

export function releaseSeries(registry: Registry): ReleaseSeries {
  const registers = [registry];
  /** By agent and release; the one that was seen last at the end. */
  const agents = new Map<string, Map<string, Kept>>();

  function keptOf(agent: string, release: string): Kept {
    const releases = agents.get(agent) ?? new Map<string, Kept>();
    agents.set(agent, releases);
    const kept: Kept = releases.get(release) ?? new Map<Removable, Map<string, { [name: string]: string }>>();
    releases.delete(release);
    releases.set(release, kept);
    for (const [oldest, gone] of releases) {
      if (releases.size <= RELEASES_MOST) break;
      releases.delete(oldest);
      for (const [metric, sets] of gone) for (const labels of sets.values()) metric.remove(labels);
    }
    return kept;
  }

  function labelsFor(metric: Removable, of: OfRelease, own: Labels): { [name: string]: string } {
    const agent = agents.has(of.agent) || agents.size < AGENTS_MOST ? of.agent : OTHER;
    const release = of.release.slice(0, RELEASE_CHARS);
    const kept = keptOf(agent, release);
    const sets = kept.get(metric) ?? new Map<string, { [name: string]: string }>();
    kept.set(metric, sets);
    const given = Object.entries(own).map(([name, value = '']): [string, string] => [name, value]);
    const key = JSON.stringify(given);
    const known = sets.get(key);
    if (known) return known;
    const values = sets.size < SETS_MOST ? given : given.map(([name]): [string, string] => [name, OTHER]);
    const labels = { agent, release, ...Object.fromEntries(values) };
    sets.set(JSON.stringify(values), labels);
    return labels;
  }

  const named = ({ name, help, labels = [] }: Described) => ({
    ...{ name, help, labelNames: ['agent', 'release', ...labels], registers },
    enableExemplars: true,
  });
  return {
    counter(of) {
      const metric = new Counter(named(of));
      return (release, own = {}, value = 1, exemplar) => {
        const labels = labelsFor(metric, release, own);
        metric.inc({ labels, value, ...exemplarOf(exemplar) });
      };
    },
    histogram(of) {
      const metric = new Histogram({ ...named(of), buckets: of.buckets });
      return (release, own, value, exemplar) => {
        const labels = labelsFor(metric, release, own);
        metric.observe({ labels, value, ...exemplarOf(exemplar) });
      };
    },
  };
}

/** What the format allows, in characters of names and values together. */
const EXEMPLAR_CHARS = 128;

function exemplarOf(exemplar: Exemplar | undefined): { exemplarLabels?: { [name: string]: string } } {
  if (!exemplar) return {};
  const { tenant, run } = exemplar;
  const size = ['tenant', tenant, 'run', run].join('').length;
  if (size <= EXEMPLAR_CHARS) return { exemplarLabels: { tenant, run } };
  return 'run'.length + run.length <= EXEMPLAR_CHARS ? { exemplarLabels: { run } } : {};
}
