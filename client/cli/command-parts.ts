// What the descriptions of several commands share.

export const RUN = ['<run>', "id of a run, or the beginning of it that is no other run's"] as const;
export const example = (text: string): string => `\nExample:\n  $ longhaul ${text}`;
