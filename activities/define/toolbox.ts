import { definitionName } from './definition-name';

/** The unit of permission: tools that share secrets and, from the toolbox step on, a process and task queue of their own. */
export interface Toolbox<Secret extends string = string> {
  readonly kind: 'toolbox';
  readonly name: string;
  readonly secrets: readonly Secret[];
}

/** @param definition.secrets names of environment variables that only this toolbox's tools receive */
export function defineToolbox<const Secret extends string = never>(definition: {
  name: string;
  secrets?: readonly Secret[];
}): Toolbox<Secret> {
  return { kind: 'toolbox', name: definitionName('toolbox', definition.name), secrets: definition.secrets ?? [] };
}
