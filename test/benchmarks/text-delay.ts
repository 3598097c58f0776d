// From the moment that a worker has a piece of an answer to the moment that its reader has it, over each way there is. What a model server's
// bytes take to the worker is not in it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openTextPublisher, openTextReader, type StreamsPlace } from '../../activities/stream/open-streams';

const EVERY_MS = 20;

/** @returns milliseconds of each piece, in the order in which they were said */
export async function textDelays(store: string, pieces: number): Promise<number[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
  const place: StreamsPlace = { store, stateDir };
  const publisher = await openTextPublisher(place);
  const reader = openTextReader(place);
  const sink = publisher.open({ run: 'run_bench', turn: 1, attempt: 1, begunAt: 1 });
  const said: { sequence: number; at: number }[] = [];
  const delays: number[] = [];
  const read = reader.read('run_bench');
  const first = read.next();
  sink.text('.');
  let length = 1;
  await first;
  const reading = (async () => {
    for await (const { sequence } of read) {
      const now = performance.now();
      for (; said[delays.length] && (said[delays.length]?.sequence ?? 0) <= sequence;)
        delays.push(now - (said[delays.length]?.at ?? now));
      if (delays.length === pieces) return;
    }
  })();
  for (let nth = 0; nth < pieces; nth += 1) {
    const piece = `word ${nth} `;
    said.push({ sequence: (length += piece.length), at: performance.now() });
    sink.text(piece);
    await pause(EVERY_MS);
  }
  await reading;
  await reader.close();
  await publisher.close();
  rmSync(stateDir, { recursive: true });
  return delays;
}
