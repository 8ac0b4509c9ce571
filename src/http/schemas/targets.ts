/** The shapes of targets of all kinds that are registered, as JSON Schema. */

import { type TSchema, Type } from 'typebox';
import type { TargetSchemas } from '../../domain/task/target.ts';

/**
 * The target that a client may send. It is checked by the schema of its `type`, or of the first kind where it names
 * none.
 */
export function targetInput({ targets }: TargetSchemas): TSchema {
  const inputs = [...targets].map(([type, { input }]) => ({ type, input }));
  const [first, ...others] = inputs;
  if (first === undefined) throw new Error('no kind of target is registered');
  if (others.length === 0) return Type.Unsafe({ ...first.input, $id: 'TargetInput' });
  const { named: _, ...plain } = first.input;
  let chosen: object = { ...plain, properties: { ...plain.properties, type: {} } };
  for (const { type, input } of others)
    chosen = {
      if: { type: 'object', required: ['type'], properties: { type: { const: type } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: input,
      else: chosen,
    };
  return Type.Unsafe({
    $id: 'TargetInput',
    type: ['string', 'object'],
    properties: { type: { enum: inputs.map(({ type }) => type) } },
    ...chosen,
    shownAs: { oneOf: inputs.map(({ input }) => input) },
  });
}

/** The shown form. */
export function shownTarget({ targets }: TargetSchemas): TSchema {
  const shapes = [...targets.values()].map(({ shown }) => shown);
  return Type.Unsafe(shapes.length === 1 ? (shapes[0] as object) : { oneOf: shapes });
}
