// The trace that a request belongs to, by its header.
import { isTraceparent } from '../traced-start';

/** Of what begins runs, as the API's document shows it. */
export const TRACEPARENT_HEADER = {
  name: 'traceparent',
  description: "Of the caller's span, by W3C Trace Context: the run's spans belong into that trace.",
};

/** One that is malformed is left out, as W3C Trace Context asks: proxies add the header, and a caller may know nothing of it. */
export const callersTrace = (header: string | undefined): { traceparent?: string } =>
  header !== undefined && isTraceparent(header.trim()) ? { traceparent: header.trim() } : {};
