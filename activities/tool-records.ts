// The record of a tool call, with the message that it names: whoever writes it, what the run goes on with is what is kept.
import { z } from 'zod';
import type { CallToolInput } from '../workflows/contract/activities';
import type { FailureType } from '../workflows/contract/failures';
import type { InputPart, ToolMessage } from '../workflows/contract/message';
import {
  startedToolRecordSchema,
  toolRecordSchema,
  type StartedToolRecord,
  type ToolRecord,
} from '../workflows/contract/schemas/call-record';
import type { CallToolResult } from '../workflows/contract/tool-call';
import { commitCallRecord, type CallRecords } from './call-records';
import type { ActivityDeps } from './deps';
import { encodeMessage, previewOf } from './store';
import { callRecordName } from './store/ref-names';
import type { RecordWrite } from './store/tool-store';

const keptRecordSchema = z.discriminatedUnion('kind', [toolRecordSchema, startedToolRecordSchema]);
export type KeptRecord = z.output<typeof keptRecordSchema>;

type ToolDeps = Pick<ActivityDeps, 'toolStore'>;
type AskedCall = Pick<CallToolInput, 'key' | 'name' | 'insteadOf' | 'failedBefore' | 'message' | 'call'>;

export const toolRecords = (
  { toolStore }: ToolDeps,
  { key, message, call }: AskedCall,
): CallRecords<KeptRecord, ToolRecord> => ({
  name: callRecordName(key),
  schema: keptRecordSchema,
  read: (name) => toolStore.readCallRecord(name),
  isOf: ({ from }) => from.message === message && from.call === call,
  // A result takes the place of what says that the call has begun.
  answerOf: (record) => (record.kind === 'tool' ? record : undefined),
});

export type ToolCallMade = Pick<
  ToolRecord,
  'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'
>;

interface ToKeep {
  made: ToolCallMade;
  /** Of the record that was found. */
  version: number | undefined;
  /** Stored with the record, beside the message. */
  objects: Uint8Array[];
  effect?: EffectToKeep | undefined;
}

interface EffectToKeep {
  /** What is known of the call's effect by then, given the message that says what came of it. */
  write(message: string): RecordWrite | undefined;
  /** Reads again what the ledger says: somebody else has changed it. */
  refresh(): Promise<void>;
}

interface Told {
  /** Who had a part in it. */
  person?: ToolRecord['person'];
  parts: InputPart[];
  failure: FailureType | undefined;
  repeats?: ToolRecord['repeats'];
  /** Of a shadow. */
  shadow?: ToolRecord['shadow'];
}

/** What the model is told, as an object and as a history shows it. Nothing is written. */
export async function toolResult(
  { toolStore }: ToolDeps,
  { call, name: tool, insteadOf }: Pick<AskedCall, 'call' | 'name' | 'insteadOf'>,
  { parts, failure }: Told,
): Promise<{ bytes: Uint8Array; result: CallToolResult }> {
  // It answers the call that was made, whichever tool did it.
  const name = insteadOf ?? tool;
  const message: ToolMessage = { role: 'tool', call, name, outcome: failure ? 'error' : 'ok', parts };
  const bytes = encodeMessage(message);
  const [hash = ''] = await toolStore.namesOf([bytes]);
  const head = { hash, role: message.role, preview: previewOf(message) };
  return { bytes, result: { message: head, ...(failure ? { failure } : {}) } };
}

/** @returns what is kept: of another attempt, where that one was faster */
export async function keepResult(
  deps: ToolDeps,
  input: AskedCall,
  { made, version, objects, effect, repeats, person, shadow, ...told }: ToKeep & Told,
): Promise<CallToolResult> {
  const { bytes, result } = await toolResult(deps, input, told);
  const value: ToolRecord = {
    kind: 'tool',
    ...made,
    ...askedOf(input),
    result,
    ...(input.failedBefore ? { failedBefore: input.failedBefore } : {}),
    ...(repeats ? { repeats } : {}),
    ...(person ? { person } : {}),
    ...(shadow ? { shadow } : {}),
  };
  const write = { version, objects: [bytes, ...objects], effect, message: result.message.hash };
  return (await keep(deps, input, value, write)).result;
}

/** @returns the result of another attempt, where there is one by now */
export async function keepBegun(
  deps: ToolDeps,
  input: AskedCall,
  { started, made, version, objects }: ToKeep & Pick<StartedToolRecord, 'started'>,
): Promise<StartedToolRecord | ToolRecord> {
  const value: StartedToolRecord = { kind: 'started-tool', ...made, ...askedOf(input), started };
  return await keep(deps, input, value, { version, objects });
}

const askedOf = ({ message, call, name }: AskedCall): Pick<ToolRecord, 'from' | 'name'> => ({
  from: { message, call },
  name,
});

async function keep<T extends ToolRecord | StartedToolRecord>(
  deps: ToolDeps,
  input: AskedCall,
  value: T,
  { version, objects, effect, message }: Omit<ToKeep, 'made'> & { message?: string },
): Promise<T | ToolRecord> {
  let isFirst = true;
  return await commitCallRecord(toolRecords(deps, input), { value, version }, async (record) => {
    // Either record may have been in the way. Where the ledger changed hands under this attempt, what it did is true all the same.
    if (!isFirst) await effect?.refresh();
    isFirst = false;
    const written = message === undefined ? undefined : effect?.write(message);
    return await deps.toolStore.commitCall({ objects, record, ...(written ? { effect: written } : {}) });
  });
}
