/**
 * One server-sent event. Framed here and nowhere else, so that faults can break it in one place.
 * `data` is JSON, or the `[DONE]` that ends a chat stream.
 */
export interface SseEvent {
  /** Only the Responses API names its events. */
  readonly event?: string;
  readonly data: string;
}

export function frame({ event, data }: SseEvent): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`;
}

/** Text in pieces of about `size` characters, never splitting a surrogate pair. */
export function pieces(text: string, size: number): string[] {
  const found: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + size, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end += 1;
    found.push(text.slice(start, end));
    start = end;
  }
  return found;
}

/** The real API pads deltas to even lengths, against readers of encrypted traffic. A client must ignore the field. */
export function obfuscation(delta: string): string {
  const block = 16;
  return 'x'.repeat(block - (delta.length % block));
}
