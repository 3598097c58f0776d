// Which answers of a model are kept for whoever asks the same, as a release says it.

/** Of text, for the name of the question only: what the model is asked stays as it is. */
export type CacheNormaliser =
  | 'whitespace'
  | 'dates'
  | 'ids'
  /** A regular expression without its `g`, and what stands in the place of each match. */
  | { pattern: string; flags: string; with: string };

export interface CachePlan {
  /** How long an answer is given again, in milliseconds. */
  ttlMs: number;
  /** Whose question it must be to be the same: another user's is another. Absent: the tenant's, whoever asks. */
  scope?: 'user';
  /** Answers that call tools: none, those of which each tool only reads, or all. */
  toolCalls: 'none' | 'read' | 'all';
  /** In this order. Absent: the same question is the same to the byte. */
  normalise?: CacheNormaliser[];
}
