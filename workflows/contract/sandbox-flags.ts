// What a worker tells the sandbox before workflow code loads: the bundle is built once, for workers with keys and without.

/** Global of the sandbox; true where texts of failures are to be encoded. Absent means false. */
export const ENCODE_FAILURES_GLOBAL = 'encodeFailureTexts';
