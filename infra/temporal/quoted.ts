// A text within a query of Temporal's index, whatever it holds: an id is its caller's.
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
