/**
 * The parts that the schemas are put together from. In the contract a schema has a component of its own where it is
 * `named`, and is replaced by what `shownAs` gives (openapi/plain-schema.ts).
 */

import { type TSchema, Type } from 'typebox';
import { nullable } from '../../domain/input/closed-fields.ts';
import { durationPattern } from '../../domain/input/duration.ts';

/** A closed object: a field that is not listed is refused. */
export const closed = (properties: Record<string, TSchema>, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** A member that may be absent or null. */
export const optional = (schema: object) => Type.Optional(Type.Unsafe(nullable(schema)));
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

export const labelName = { pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' };
export const labelFields = {
  type: 'object',
  maxProperties: 64,
  propertyNames: { type: 'string', ...labelName },
  additionalProperties: text(256),
};

/** The shown form, given as plain JSON Schema. */
export const shown = (schema: object) => Type.Unsafe(schema);
export const shownInstant = shown({ type: 'string', format: 'date-time' });
export const shownInstantOrNull = shown({ type: ['string', 'null'], format: 'date-time' });
