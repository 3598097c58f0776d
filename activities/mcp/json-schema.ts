// A schema that a server wrote, as one that checks values here.
import type * as ajvValidator from '@modelcontextprotocol/client/validators/ajv';
import { z } from 'zod';
import type { JsonValue } from '../../workflows/contract/message';

type Validate = (value: unknown) => string | undefined;

/** The validator of the protocol's own client: what it takes is what servers are tested with. Loaded for agents that need it. */
let validators: ajvValidator.AjvJsonSchemaValidator | undefined;

/** @throws Error in one line when it is no JSON Schema */
function compile(schema: { [key: string]: JsonValue }): Validate {
  validators ??= new (
    require('@modelcontextprotocol/client/validators/ajv') as typeof ajvValidator
  ).AjvJsonSchemaValidator();
  const validate = validators.getValidator(schema);
  return (value) => {
    const result = validate(value);
    return result.valid ? undefined : result.errorMessage;
  };
}

/** Arguments are an object for every provider, whatever else the schema says. @throws Error when it is no JSON Schema */
export function argumentsBy(schema: { [key: string]: JsonValue }): z.ZodObject {
  const validate = compile(schema);
  return z.looseObject({}).superRefine((value, context) => issue(validate(value), context));
}

/** @throws Error when it is no JSON Schema */
export function valueBy(schema: { [key: string]: JsonValue }): z.ZodType {
  const validate = compile(schema);
  return z.unknown().superRefine((value, context) => issue(validate(value), context));
}

function issue(message: string | undefined, context: z.core.$RefinementCtx): void {
  if (message !== undefined) context.addIssue({ code: 'custom', message });
}
