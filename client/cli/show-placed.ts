// Messages in their order; of one that cannot be read, why, at its place.
import type { GonePart, PlacedMessage } from '../call-content';
import type { Output } from './output';
import { showMessage } from './show-message';

/** @param behind how many messages came before */
export function showPlaced(output: Output, placed: readonly PlacedMessage[], behind = 0): void {
  for (const { position, message, gone } of placed) {
    const title = position === null ? '' : String(behind + position);
    if (message) showMessage(output, title, message);
    if (gone) showGone(output, title, gone);
  }
}

function showGone(output: Output, title: string, { position, preview, why }: GonePart): void {
  const { dim, yellow } = output.colors;
  const what = position === null ? 'what came before cannot be read' : 'cannot be read';
  output.line(`${dim('──')}${title === '' ? '' : ` ${title}`} ${yellow(`${what}: ${output.safeLine(why)}`)}`);
  if (preview !== undefined) output.line(`it begins: ${output.safe(preview)}`);
  output.line();
}
