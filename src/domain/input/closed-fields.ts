/** JSON Schema for the objects that clients send: closed, and null stands for absent. */

/** The schema, or null. */
export function nullable(schema: object): object {
  // A schema without a type takes null as it is.
  if (!('type' in schema) && !('enum' in schema)) return schema;
  const { type = [], enum: values, ...rest } = schema as { type?: string | string[]; enum?: unknown[] };
  return values ? { enum: [...values, null], ...rest } : { type: [type, 'null'].flat(), ...rest };
}

/** A closed object whose members may all be absent, or null. */
export function closedFields(fields: Record<string, object>, more: object) {
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, nullable(schema)])),
    additionalProperties: false,
    ...more,
  };
}
