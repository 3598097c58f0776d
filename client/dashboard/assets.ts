// The files that pages load: read once, and never from elsewhere.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const TYPES = {
  'dashboard.css': 'text/css; charset=utf-8',
  'dashboard.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

const FOLDER = path.join(__dirname, 'assets');

export const ASSETS: readonly { name: string; type: string; text: string }[] = Object.entries(TYPES).map(
  ([name, type]) => ({ name, type, text: readFileSync(path.join(FOLDER, name), 'utf8') }),
);
