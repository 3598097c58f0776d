/** True where two types are the same for the compiler, optional and readonly marks included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Fails to compile where a type is not `true`. */
export const holds = <_ extends true>(): void => undefined;
