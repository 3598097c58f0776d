// A process of store-kill.test.ts: commits without pause, and says what was acknowledged, until it is killed.
import { canonicalJson } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';

async function main(folder: string, writer: string): Promise<void> {
  const store = openStore(`lmdb:${folder}`);
  for (let at = 0; ; at++) {
    // A head, its objects and a large one now and then, four commits at once as a busy worker has them.
    await Promise.all(
      [0, 1, 2, 3].map(async (lane) => {
        const value = { writer, at, lane };
        const objects = [canonicalJson(value), canonicalJson({ ...value, pad: 'x'.repeat(2_000) })];
        if (at % 8 === lane) objects.push(Buffer.concat([canonicalJson(value), Buffer.alloc(300_000, lane)]));
        const name = `kill/${writer}/${lane}/${String(at).padStart(8, '0')}`;
        const { hashes } = await store.commit({
          objects,
          refs: [
            { op: 'create', name, value: { at } },
            { op: 'put', name: `kill-head/${writer}/${lane}`, value: { at } },
          ],
        });
        // One short write to a pipe is not split, so a line is there whole or not at all.
        process.stdout.write(`${JSON.stringify({ name, hashes })}\n`);
      }),
    );
  }
}

void main(process.argv[2] ?? '', process.argv[3] ?? '');
