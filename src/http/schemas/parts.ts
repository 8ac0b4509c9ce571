/**
 * The parts that the schemas are put together from. In the contract a schema has a component of its own where it is
 * `named`, and is replaced by what `shownAs` gives (openapi/plain-schema.ts).
 */

import { type TSchema, Type } from 'typebox';
import { durationPattern } from '../../domain/input/duration.ts';

/** A closed object: a field that is not listed is refused. */
export const closed = (properties: Record<string, TSchema>, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** `null` stands for absent. */
const nullable = (schema: object) => {
  // A schema without a type takes null as it is.
  if (!('type' in schema) && !('enum' in schema)) return Type.Unsafe(schema);
  const { type = [], enum: values, ...rest } = schema as { type?: string | string[]; enum?: unknown[] };
  return Type.Unsafe(values ? { enum: [...values, null], ...rest } : { type: [type, 'null'].flat(), ...rest });
};
export const optional = (schema: object) => Type.Optional(nullable(schema));
export const choice = (values: readonly string[], more: object = {}) =>
  Type.Unsafe<string>({ enum: [...values], ...more });

export const duration = {
  named: 'Duration',
  type: 'string',
  maxLength: 64,
  pattern: durationPattern,
  patternHint: 'must be a duration such as "30s", "1h30m" or "PT30S"',
  examples: ['30s'],
};
export const instant = { type: 'string', maxLength: 40, format: 'date-time' };
export const taskId = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
  patternHint: 'must be 1 to 128 letters, digits, dots, underscores or hyphens, the first a letter or digit',
};
/** Text that Postgres can store. */
export const text = (maxLength: number, more: object = {}) => ({
  type: 'string',
  maxLength,
  pattern: '^[^\\u0000\\ud800-\\udfff]*$',
  patternHint: 'must not contain the NUL character or half a surrogate pair',
  ...more,
});

/** What is shown, given as plain JSON Schema. */
export const shown = (schema: object) => Type.Unsafe(schema);
export const shownInstant = shown({ type: 'string', format: 'date-time' });
export const shownInstantOrNull = shown({ type: ['string', 'null'], format: 'date-time' });

/** A closed object whose members may all be absent, or null. */
export const closedFields = (fields: Record<string, object>, more: object) => ({
  type: 'object',
  properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, nullable(schema)])),
  additionalProperties: false,
  ...more,
});
