/**
 * Rewrites the schemas that bodies are checked with into schemas that tools read. Lists of types become `oneOf` of
 * typed branches. Our own keywords are removed. A schema with `named` becomes a component, and one with `shownAs` is
 * replaced by that.
 */

export type Schema = { [keyword: string]: unknown };

const keptForText = ['minLength', 'maxLength', 'pattern', 'format', 'x-pattern-hint', 'examples'];

/** Patterns that need the flag `u` mean something else, or nothing, to other tools. The hint beside them stays. */
const isJavaScriptOnly = /\\[pu]/;

/** A rewriter; schemas that are `named` go into `components`. */
export function createPlainSchemas(components: Record<string, Schema>): (schema: Schema) => Schema {
  function plain(given: Schema): Schema {
    const { named, shownAs, misplaced: _, patternHint, $id, default: fallback, description, ...rest } = given;
    const outer = {
      ...(description !== undefined && { description }),
      ...(fallback !== undefined && { default: fallback }),
    };
    if (shownAs !== undefined)
      return plain({ ...(shownAs as Schema), ...(named !== undefined && { named }), ...outer });
    const own: Schema = { ...rest, ...(patternHint !== undefined && { 'x-pattern-hint': patternHint }) };
    if (typeof own.$ref === 'string') return { ...own, ...outer };
    const branches = branchesOf(own, typeof named === 'string' ? named : null);
    if (branches.length !== 1) return { ...outer, oneOf: branches };
    const [only = {}] = branches;
    return { ...only, ...outer };
  }

  /** One schema for each type that a value may have; those with a name of their own as references. */
  function branchesOf(schema: Schema, named: string | null): Schema[] {
    const union = (schema.oneOf ?? schema.anyOf) as Schema[] | undefined;
    if (union !== undefined) {
      const isNullable = union.some(({ type }) => type === 'null');
      const members = union.filter(({ type }) => type !== 'null').map(plain);
      const described = members.length > 1 && named !== null ? [register(named, { oneOf: members })] : members;
      return isNullable ? [...described, { type: 'null' }] : described;
    }
    const { type, enum: values, const: constant, ...rest } = schema;
    const listed = constant === undefined ? (values as unknown[] | undefined) : [constant];
    const types = [type ?? (listed ? listed.map(typeName) : [])]
      .flat()
      .filter((one, at, all) => all.indexOf(one) === at);
    if (types.length === 0) return [named === null ? rest : register(named, rest)];
    const real = types.filter((one) => one !== 'null');
    const typed = real.map((one) => {
      const shape = shapeOf(one as string, rest, listed);
      if (named === null) return shape;
      return one === 'string' && real.length > 1 ? shape : register(named, shape);
    });
    return types.length > real.length || listed?.includes(null) ? [...typed, { type: 'null' }] : typed;
  }

  function shapeOf(type: string, rest: Schema, listed: unknown[] | undefined): Schema {
    const shape: Schema = { type };
    if (type === 'array') shape.items = {};
    for (const [keyword, value] of Object.entries(rest)) {
      if (keyword === 'pattern' && isJavaScriptOnly.test(String(value))) continue;
      const isForText = keptForText.includes(keyword);
      if (type === 'object' ? !isForText || keyword === 'examples' : isForText || !keyword.match(/ropert|required/))
        shape[keyword] = value;
    }
    // ogen takes any enum for text.
    if (listed && type === 'boolean') shape.const = listed[0];
    else if (listed) shape.enum = listed.filter((one) => one !== null && typeName(one) === type);
    if (shape.properties) shape.properties = mapped(shape.properties as Record<string, Schema>, plain);
    for (const keyword of ['items', 'additionalProperties'])
      if (typeof shape[keyword] === 'object') shape[keyword] = plain(shape[keyword] as Schema);
    const { patternProperties } = shape as { patternProperties?: Record<string, Schema> };
    if (patternProperties) {
      shape.additionalProperties = plain(Object.values(patternProperties)[0] as Schema);
      delete shape.patternProperties;
    }
    return shape;
  }

  function register(name: string, schema: Schema): Schema {
    const before = components[name];
    if (before && JSON.stringify(before) !== JSON.stringify(schema))
      throw new Error(`the contract has two schemas with the name ${name}`);
    components[name] = schema;
    return { $ref: `#/components/schemas/${name}` };
  }

  return plain;
}

function typeName(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

function mapped<T, U>(members: Record<string, T>, change: (member: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, change(member)]));
}
