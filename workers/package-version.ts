import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({ name: z.literal('longhaul'), version: z.string() });

/** Version of this package, from source and from `dist/` alike. */
export function packageVersion(): string {
  const file = ['..', '../..'].map((up) => path.join(__dirname, up, 'package.json')).find((name) => existsSync(name));
  if (file === undefined) throw new Error('package.json of longhaul is missing.');
  return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}
