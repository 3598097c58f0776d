// The trace that a request belongs to, by its header.
import { isTraceparent } from '../traced-start';

/** One that is malformed is left out, as W3C Trace Context asks: proxies add the header, and a caller may know nothing of it. */
export const callersTrace = (header: string | undefined): { traceparent?: string } =>
  header !== undefined && isTraceparent(header.trim()) ? { traceparent: header.trim() } : {};
