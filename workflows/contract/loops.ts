// When a run is held to go round in circles: policy as data, of a release.

/** Reached once, the model is told; then the run ends. */
export interface LoopThreshold {
  warn: number;
  /** Above `warn`. */
  stop: number;
}

/** What is absent is not looked for. Absent in a manifest: nothing is. */
export interface LoopPlan {
  /** Turns, among the newest, that made the same call with the same result. */
  repeats?: LoopThreshold;
  /** Rounds of the same few turns, one round after the other. */
  cycles?: LoopThreshold;
  /** Turns in a row that brought nothing new. */
  stale?: LoopThreshold;
}
