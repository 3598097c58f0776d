// `longhaul show RUN --call N --diff M`: what changed in what the model was asked, from call M to call N.
import { diffLines } from 'diff';
import type { RunOfCall } from '../../../activities/rebuild/rebuild-request';
import type { ContentStore } from '../../../activities/store';
import type { RunCall } from '../../../activities/store/run-calls';
import type { JsonValue } from '../../../workflows/contract/message';
import { callChanges, type MessageChange, type RequestChanges } from '../../call-changes';
import { counted } from '../../format';
import type { CliContext } from '../context';
import type { Output } from '../output';
import { showMessage } from '../show-message';

/** @throws ClientError `invalid-input` where one of them is no model call */
export async function showChanges(
  { output }: CliContext,
  store: ContentStore,
  run: RunOfCall,
  calls: readonly [RunCall, RunCall],
): Promise<void> {
  const changes = await callChanges(store, run, calls);
  const [{ number: from }, { number: to }] = calls;
  output.json({ id: run.id, from, to, ...changes });
  if (output.isJson) return;
  output.line(`what the model was asked, from call ${from} to call ${to} of ${output.safeLine(run.id)}`);
  showFrameChanges(output, changes);
  const { messages, same } = changes;
  output.line(`${output.colors.dim('messages'.padEnd(10))} ${messagesText(messages, same)}`);
  for (const change of messages) showMessageChange(output, change);
}

function messagesText(messages: readonly MessageChange[], same: number): string {
  const count = (kind: MessageChange['change']): string => {
    const many = messages.filter(({ change }) => change === kind).length;
    return many === 0 ? '' : `${many} ${kind}`;
  };
  return [`${counted(same, 'message')} the same`, count('removed'), count('edited'), count('added')]
    .filter(Boolean)
    .join(', ');
}

function showFrameChanges(
  output: Output,
  { model, instructions, parameters, tools, output: schema }: RequestChanges,
): void {
  const row = (name: string, text: string): void => {
    output.line(`${output.colors.dim(name.padEnd(10))} ${output.safeLine(text)}`);
  };
  row('model', model ? `${model.was} → ${model.is}` : 'the same');
  for (const { name, was, is } of parameters) row('parameter', `${name}: ${valueText(was)} → ${valueText(is)}`);
  for (const { change, name } of tools) row('tool', `${name} ${change}`);
  if (schema) row('answer', `its schema is ${schema}`);
  if (!instructions) return row('system', 'the same');
  row('system', 'edited');
  showLines(output, instructions.was, instructions.is);
}

const valueText = (value: JsonValue | undefined): string => (value === undefined ? 'none' : JSON.stringify(value));

function showLines(output: Output, was: string, is: string): void {
  const { red, green } = output.colors;
  for (const { added, removed, value } of diffLines(output.safe(was), output.safe(is))) {
    if (!added && !removed) continue;
    for (const line of value.replace(/\n$/, '').split('\n')) output.line(added ? green(`+ ${line}`) : red(`- ${line}`));
  }
}

function showMessageChange(output: Output, { change, before, after, was, is }: MessageChange): void {
  const { red, green, yellow } = output.colors;
  if (change === 'edited') {
    output.line(`\n${yellow(`edited: message ${after ?? 0}, which was message ${before ?? 0}`)}`);
    if (was) showMessage(output, red('-'), was);
    if (is) showMessage(output, green('+'), is);
    return;
  }
  const isAdded = change === 'added';
  output.line(`\n${isAdded ? green('added') : red('removed')}: message ${(isAdded ? after : before) ?? 0}`);
  const message = isAdded ? is : was;
  if (message) showMessage(output, isAdded ? green('+') : red('-'), message);
}
