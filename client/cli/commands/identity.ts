// `longhaul identity`: whom a decision of this user is signed by, and the line that makes the configuration know them.
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { ownPublicKey, ownSigner } from '../own-identity';

export function identityCommand({ output, env, settings }: CliContext): Promise<number> {
  const { publicKey, file, isNew } = ownPublicKey(env);
  const by = ownSigner(settings.approvers, env)?.by;
  const roles = by === undefined ? [] : (settings.approvers.people[by]?.roles ?? []);
  output.json({ publicKey, file, person: by ?? null, roles });
  if (isNew) output.note(`made ${file}: keep it to yourself`);
  output.line(publicKey);
  output.note(
    by === undefined
      ? `longhaul.config.ts does not know it yet: people: { you: { key: '${publicKey}', roles: ['finance'] } }`
      : `known as ${by}${roles.length === 0 ? '' : ` (${roles.join(', ')})`}`,
  );
  return Promise.resolve(EXIT.completed);
}
