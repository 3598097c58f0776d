// What the quota benchmark and its workers both name.
export const ROUTE = 'test/model';
export const TASK_QUEUE = 'agents';
/** Where the key would come from. */
export const KEY = 'BENCH_KEY';
