// The same courier without Longhaul: a loop around the openai package, as one writes it first. Killed, it knows nothing.
// Started by the crash demonstration, with the addresses of model and counter and the task as arguments; prints the answer.
import OpenAI from 'openai';
import type { ChatCompletionFunctionTool, ChatCompletionMessageParam } from 'openai/resources/chat/completions';

const TEXT_OF: Record<string, string> = { look_up_address: 'parcel', deliver_parcel: 'parcel', keep_report: 'text' };
const TOOLS = Object.entries(TEXT_OF).map(([name, property]): ChatCompletionFunctionTool => ({
  type: 'function',
  function: {
    name,
    parameters: {
      type: 'object',
      properties: { [property]: { type: 'string' } },
      required: [property],
      additionalProperties: false,
    },
  },
}));

async function useTool(counter: string, name: string, text: string): Promise<string> {
  const { parcel } = JSON.parse(text) as { parcel?: string };
  const response = await fetch(`${counter}/${encodeURIComponent(parcel === undefined ? name : `${name} ${parcel}`)}`, {
    method: 'POST',
  });
  if (!response.ok) throw new Error(`the counter answered ${response.status}.`);
  return JSON.stringify({ done: true });
}

async function main([baseURL = '', counter = '', task = '']: readonly string[]): Promise<void> {
  const openai = new OpenAI({ baseURL, apiKey: 'sk-of-the-drill' });
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: task }];
  for (;;) {
    const stream = openai.chat.completions.stream({ model: 'gpt-5-mini', messages, tools: TOOLS });
    const message = (await stream.finalChatCompletion()).choices[0]?.message;
    if (!message) throw new Error('the model said nothing.');
    messages.push(message);
    if (!message.tool_calls?.length) {
      console.log(message.content);
      return;
    }
    for (const call of message.tool_calls) {
      if (call.type !== 'function') continue;
      const content = await useTool(counter, call.function.name, call.function.arguments);
      messages.push({ role: 'tool', tool_call_id: call.id, content });
    }
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
