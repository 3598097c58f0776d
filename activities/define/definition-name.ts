/** Names reach providers, task queues and search attributes: the strictest of them (OpenAI tool names) allows this set, 64 long. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export function definitionName(what: string, name: string): string {
  if (!NAME.test(name)) {
    throw new Error(`${what} name "${name}": use 1 to 64 letters, digits, "_" or "-", beginning with a letter.`);
  }
  return name;
}
