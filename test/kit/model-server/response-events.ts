import type {
  ResponseFunctionToolCall,
  ResponseOutputMessage,
  ResponseReasoningItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses';
import type { Answer } from './chat-wire';
import { isRecord } from './json';
import { failedResponse, finishedResponse, openResponse, outputItems, type WireResponse } from './response-object';
import { obfuscation, pieces, type SseEvent } from './sse';

type Lifecycle = 'response.created' | 'response.in_progress' | 'response.completed' | 'response.incomplete';
/** An event before it gets its number. Lifecycle events carry a {@link WireResponse}. */
type Unnumbered<Event> = Event extends { type: Lifecycle | 'response.failed' }
  ? { type: Event['type']; response: WireResponse }
  : Event extends { sequence_number: number }
    ? Omit<Event, 'sequence_number'>
    : never;
type ResponseEvent = Unnumbered<ResponseStreamEvent>;

/** The events of a streamed response, in the order the real API sends them. */
export function* responseEvents(answer: Answer): Generator<SseEvent> {
  const options = answer.request.body['stream_options'];
  const padded = !(isRecord(options) && options['include_obfuscation'] === false);
  let sequence = 0;
  for (const event of eventsOf(answer)) {
    const padding = padded && 'delta' in event ? { obfuscation: obfuscation(event.delta) } : {};
    const { type, ...rest } = event;
    yield { event: type, data: JSON.stringify({ type, sequence_number: sequence++, ...rest, ...padding }) };
  }
}

/** The event a response ends with when the provider fails in the middle, after `sent` others. */
export function responseStreamError(answer: Answer, message: string, sent: number): SseEvent {
  const type = 'response.failed';
  return {
    event: type,
    data: JSON.stringify({ type, sequence_number: sent, response: failedResponse(answer, message) }),
  };
}

function* eventsOf(answer: Answer): Generator<ResponseEvent> {
  yield { type: 'response.created', response: openResponse(answer) };
  yield { type: 'response.in_progress', response: openResponse(answer) };
  for (const [index, item] of outputItems(answer).entries()) {
    if (item.type === 'reasoning') yield* reasoningEvents(item, index, answer.deltaChars);
    else if (item.type === 'message') yield* messageEvents(item, index, answer.deltaChars);
    else yield* callEvents(item, index, answer.deltaChars);
  }
  const response = finishedResponse(answer);
  yield { type: answer.turn.cut ? 'response.incomplete' : 'response.completed', response };
}

function* reasoningEvents(item: ResponseReasoningItem, index: number, size: number): Generator<ResponseEvent> {
  yield { type: 'response.output_item.added', output_index: index, item: { ...item, summary: [] } };
  for (const [nth, { text }] of item.summary.entries()) {
    const at = { item_id: item.id, output_index: index, summary_index: nth };
    yield { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } };
    for (const delta of pieces(text, size)) yield { type: 'response.reasoning_summary_text.delta', ...at, delta };
    yield { type: 'response.reasoning_summary_text.done', ...at, text };
    yield { type: 'response.reasoning_summary_part.done', ...at, part: { type: 'summary_text', text } };
  }
  yield { type: 'response.output_item.done', output_index: index, item };
}

function* messageEvents(item: ResponseOutputMessage, index: number, size: number): Generator<ResponseEvent> {
  const opened: ResponseOutputMessage = { ...item, status: 'in_progress', content: [] };
  yield { type: 'response.output_item.added', output_index: index, item: opened };
  for (const [nth, part] of item.content.entries()) {
    const at = { item_id: item.id, output_index: index, content_index: nth };
    if (part.type === 'output_text') {
      yield { type: 'response.content_part.added', ...at, part: { ...part, text: '' } };
      for (const delta of pieces(part.text, size)) {
        yield { type: 'response.output_text.delta', ...at, delta, logprobs: [] };
      }
      yield { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] };
    } else {
      yield { type: 'response.content_part.added', ...at, part: { ...part, refusal: '' } };
      for (const delta of pieces(part.refusal, size)) yield { type: 'response.refusal.delta', ...at, delta };
      yield { type: 'response.refusal.done', ...at, refusal: part.refusal };
    }
    yield { type: 'response.content_part.done', ...at, part };
  }
  yield { type: 'response.output_item.done', output_index: index, item };
}

function* callEvents(item: ResponseFunctionToolCall, index: number, size: number): Generator<ResponseEvent> {
  const at = { item_id: item.id ?? '', output_index: index };
  const opened: ResponseFunctionToolCall = { ...item, status: 'in_progress', arguments: '' };
  yield { type: 'response.output_item.added', output_index: index, item: opened };
  for (const delta of pieces(item.arguments, size)) {
    yield { type: 'response.function_call_arguments.delta', ...at, delta };
  }
  yield { type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments };
  yield { type: 'response.output_item.done', output_index: index, item };
}
