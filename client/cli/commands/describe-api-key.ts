// What `longhaul api-key` takes.
import { InvalidArgumentError, type Command } from 'commander';
import { API_SCOPES, type ApiScope } from '../../../activities/define/api';
import type { ApiKeyOptions } from './api-key';
import type { Wrap } from './index';
import type * as apiKeyModule from './api-key';

// What one command needs is loaded for that command.
const loadApiKey = (): typeof apiKeyModule => require('./api-key') as typeof apiKeyModule;

const scope = (value: string, earlier: ApiScope[] = []): ApiScope[] => {
  const known = API_SCOPES.find((one) => one === value);
  if (!known) throw new InvalidArgumentError(`there are ${API_SCOPES.join(', ')}.`);
  return [...earlier, known];
};
const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

export function describeApiKey(program: Command, wrap: Wrap): void {
  program
    .command('api-key')
    .description('a new key of the HTTP API, shown once, with the line for the configuration')
    .argument('<name>', 'under which its decisions are kept')
    .requiredOption('--scope <scope>', `what it may: ${API_SCOPES.join(', ')}; may be repeated`, scope)
    .option('--tenant <tenant>', 'only its runs; may be repeated', collect)
    .option('--agent <agent>', 'only its runs; may be repeated', collect)
    .option('--role <role>', 'of its decisions; may be repeated', collect)
    .addHelpText(
      'after',
      '\nOnly the SHA-256 of a key is kept. Whoever serves the API or tools reads the configuration at its start.',
    )
    .addHelpText('after', '\nExample:\n  $ longhaul api-key shop --scope start --scope read --tenant acme')
    .action(
      wrap((context, name: string, options: ApiKeyOptions) => loadApiKey().apiKeyCommand(context, name, options)),
    );
}
