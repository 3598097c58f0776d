/** Names reach providers, task queues and search attributes: the strictest of them (OpenAI tool names) allows this set, 64 long. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** Whether there could be a definition of this name. */
export const isDefinitionName = (name: string): boolean => NAME.test(name);

export function definitionName(what: string, name: string): string {
  if (!isDefinitionName(name)) {
    throw new Error(`${what} name "${name}": use 1 to 64 letters, digits, "_" or "-", beginning with a letter.`);
  }
  return name;
}
