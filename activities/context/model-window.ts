// What is known of models by their names: gpt-tokenizer's table of OpenAI's models, and Anthropic's own of Claude. Other vendors'
// windows are declared by the agent.
import { claudeModel } from '../model/claude-model';

interface ModelSpec {
  context_window?: number;
  max_input_tokens?: number;
  max_output_tokens?: number;
}

/** What the table calls a fine-tuned model is the model it was made from. */
const FINE_TUNED = /^ft:([^:]+)/;
const DATED = /-(\d{4}-\d{2}-\d{2}|\d{4})$/;

let table: ReadonlyMap<string, ModelSpec> | undefined;

/** Loaded on first use: 16 ms that who never asks does not wait for. */
function models(): ReadonlyMap<string, ModelSpec> {
  // The package's own `models` cannot be required from CommonJS; this is the generated file behind it.
  table ??= new Map(Object.entries(require('gpt-tokenizer/cjs/models.gen') as Record<string, ModelSpec>));
  return table;
}

/**
 * Names to look a model up by, the likeliest first.
 * @param route `provider/model`, also with a vendor between the two, as gateways name models
 */
export function namesOfModel(route: string): string[] {
  const model = route.slice(route.lastIndexOf('/') + 1);
  const name = FINE_TUNED.exec(model)?.[1] ?? model;
  return [...new Set([name, name.replace(DATED, '')])];
}

export const isListedModel = (name: string): boolean => models().has(name);

/**
 * Tokens a model can read. Of OpenAI's numbers the smaller, where a model has both a window and a limit of input.
 * @param route `provider/model`
 * @returns undefined where the model is not in the table, or reads no text
 */
export function windowOf(route: string): number | undefined {
  for (const name of namesOfModel(route)) {
    const spec = models().get(name);
    const limits = [spec?.context_window, spec?.max_input_tokens].filter((limit) => limit !== undefined);
    if (limits.length > 0) return Math.min(...limits);
  }
  return claudeModel(route.slice(route.lastIndexOf('/') + 1))?.window;
}

/** Tokens that a model answers at most, reasoning included. @returns undefined where the table does not say */
export const outputLimitOf = (route: string): number | undefined =>
  namesOfModel(route)
    .map((name) => models().get(name)?.max_output_tokens)
    .find((limit) => limit !== undefined);
