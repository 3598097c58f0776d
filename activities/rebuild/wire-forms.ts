// The forms in which models are asked, by the name that records have of them.
import { chatAdapter } from '../model/chat-adapter';
import { messagesAdapter } from '../model/messages-adapter';
import { responsesAdapter } from '../model/responses-adapter';
import type { WireAdapter } from '../model/wire-adapter';

export const WIRE_FORMS = {
  'openai-responses': responsesAdapter,
  'openai-chat': chatAdapter,
  'anthropic-messages': messagesAdapter,
} as const satisfies { [form: string]: WireAdapter };
export type WireForm = keyof typeof WIRE_FORMS;

export const isWireForm = (form: string | undefined): form is WireForm =>
  form !== undefined && Object.hasOwn(WIRE_FORMS, form);
