// Lints snippets as if they stood at the given paths: JSON [{ file, text }] on standard input, JSON [[ruleId, ...], ...] out.
// A process of its own, because ESLint loads its configuration with import(), which jest's module system does not offer.
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const overrideConfigFile = 'infra/lint/eslint.config.mjs';
const typed = new ESLint({ overrideConfigFile });
// A path where no file is belongs to no TypeScript program: only the rules that need no types can be asked about it.
const untyped = new ESLint({ overrideConfigFile, overrideConfig: tseslint.configs.disableTypeChecked });

const answers = [];
for (const snippet of JSON.parse(await text(process.stdin))) {
  const eslint = existsSync(snippet.file) ? typed : untyped;
  const [result] = await eslint.lintText(snippet.text, { filePath: snippet.file });
  answers.push(result.messages.map((message) => message.ruleId ?? message.message));
}
process.stdout.write(JSON.stringify(answers));
