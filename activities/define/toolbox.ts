import { definitionName } from './definition-name';
import { onlyKnownKeys } from './known-keys';
import { TOOLBOX_OPTIONS, toolboxLimits, type ToolboxLimits, type ToolboxOptions } from './toolbox-limits';

/** The unit of permission: tools that share secrets, a process and a task queue of their own. */
export interface Toolbox<Secret extends string = string> {
  readonly kind: 'toolbox';
  readonly name: string;
  readonly secrets: readonly Secret[];
  readonly limits: ToolboxLimits;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Keys, the store and what else a worker is configured with: not for the code of tools. */
const OUR_OWN = /^LONGHAUL_/;

/**
 * @param definition.secrets names of environment variables that only this toolbox's tools receive
 * @throws Error when a name or a number is not usable
 */
export function defineToolbox<const Secret extends string = never>(
  definition: { name: string; secrets?: readonly Secret[] } & ToolboxOptions,
): Toolbox<Secret> {
  const name = definitionName('toolbox', definition.name);
  onlyKnownKeys(definition, ['name', 'secrets', ...TOOLBOX_OPTIONS], `toolbox ${name}`);
  const { secrets = [] } = definition;
  for (const secret of secrets) {
    if (!VARIABLE.test(secret))
      throw new Error(
        `toolbox ${name}: "${secret}" is no name of an environment variable, which a secret is read from.`,
      );
    if (OUR_OWN.test(secret)) throw new Error(`toolbox ${name}: ${secret} is for workers, and never for tools.`);
  }
  return { kind: 'toolbox', name, secrets, limits: toolboxLimits(definition, `toolbox ${name}`) };
}
