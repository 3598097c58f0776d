/** Text kept in a file beside the agent. */
export interface FromFile {
  readonly fromFile: string;
}

/**
 * Instructions from a text file.
 * @param path relative to the folder of the agent's own file
 */
export const fromFile = (path: string): FromFile => ({ fromFile: path });
