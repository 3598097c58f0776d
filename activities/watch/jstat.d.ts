// What is used of jstat, which brings no types of its own.
declare module 'jstat' {
  const jStat: {
    normal: { cdf(x: number, mean: number, deviation: number): number };
    beta: { inv(p: number, alpha: number, beta: number): number };
    studentt: { cdf(x: number, freedom: number): number };
    /** The logarithm of the beta function. */
    betaln(alpha: number, beta: number): number;
  };
  /** All that it exports: found so by whichever loader reads a source file too, which a name of it is not. */
  export { jStat as default };
}
