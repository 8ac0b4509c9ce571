/** Checks the form of a client's input: closed schemas, no coercion in bodies, every fault with its pointer. */

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { unknownField } from '../../domain/input/nearest.ts';
import type { FieldError } from '../../errors.ts';

/** Faults in the form of one value; empty when there are none. */
export type FormCheck = (value: unknown) => FieldError[];

export type Validation = {
  /** For request bodies: strict. */
  body(schema: object): FormCheck;
  /** For queries, parameters and headers, which are all text: numbers and lists are made of it. */
  text(schema: object): FormCheck;
};

/** `schemas` are those that others refer to by their `$id`. */
export function createValidation(schemas: readonly object[]): Validation {
  // The number of members and items is checked first: making a list of 60,000 faults would take long.
  const counting = new Ajv({ strict: false, validateFormats: false, schemas: schemas.map(countsOf) as object[] });
  // `verbose` adds the schema to an error, because the schema may describe its pattern in words.
  const options = { allErrors: true, verbose: true, strict: false, validateFormats: false, schemas: [...schemas] };
  const strict = new Ajv(options);
  const coercing = new Ajv({ ...options, coerceTypes: 'array', useDefaults: true });
  return {
    body(schema) {
      // A named schema is registered already, so it is compiled without its name.
      const { $id: _, ...counts } = countsOf(schema) as { $id?: string };
      const [few, form] = [checkWith(counting.compile(counts)), checkWith(strict.compile(schema))];
      return (value) => {
        const faults = few(value);
        return faults.length > 0 ? faults : form(value);
      };
    },
    text: (schema) => checkWith(coercing.compile(schema)),
  };
}

const mostErrors = 20;
/** More faults than this are not looked for: most of them are alike. */
const mostFound = 500;
/** Up to this many unknown members of an object are reported one by one. */
const mostUnknown = 100;
/** The bound for a list without a bound of its own. */
const mostItems = 10_000;

/** The part of a schema that bounds how much there is to check: how many members objects have, and items lists. */
function countsOf(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(countsOf);
  if (typeof schema !== 'object' || schema === null) return schema;
  const given = schema as Record<string, unknown>;
  const counts: Record<string, unknown> = {};
  for (const name of ['$id', '$ref', 'maxItems', 'maxProperties']) if (name in given) counts[name] = given[name];
  if ('if' in given) counts.if = given.if;
  for (const name of ['items', 'additionalProperties', 'anyOf', 'oneOf', 'allOf', 'then', 'else'])
    if (typeof given[name] === 'object') counts[name] = countsOf(given[name]);
  if (typeof given.items === 'object') counts.maxItems ??= mostItems;
  if (typeof given.properties === 'object' && given.properties !== null) {
    const members = Object.entries(given.properties);
    counts.properties = Object.fromEntries(members.map(([name, member]) => [name, countsOf(member)]));
    if (given.additionalProperties === false) counts.maxProperties = members.length + mostUnknown;
  }
  return counts;
}

function checkWith(validate: ValidateFunction): FormCheck {
  return (value) => {
    if (validate(value)) return [];
    // The error of `if` only says that its `then` or `else` has faults, which are reported themselves.
    const faults = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'if');
    const found = faults.slice(0, mostFound).map(fieldErrorOf);
    const seen = new Set<string>();
    return found
      .filter(({ pointer, detail }) => !seen.has(pointer + detail) && seen.add(pointer + detail))
      .slice(0, mostErrors);
  };
}

function fieldErrorOf(error: ErrorObject): FieldError {
  const at = `#${error.instancePath}`;
  const below = (name: string) => `${at === '#' ? '#' : at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        pointer: below(error.params.additionalProperty),
        detail: detailOfUnknown(error.params.additionalProperty, (error.parentSchema ?? {}) as ClosedSchema),
      };
    case 'const':
      return { pointer: at, detail: `must be ${JSON.stringify(error.params.allowedValue)}, the only one known` };
    case 'maxLength':
      return { pointer: at, detail: `is too long: at most ${error.params.limit} characters` };
    case 'required':
      return { pointer: below(error.params.missingProperty), detail: 'is required' };
    case 'enum':
      return {
        pointer: at,
        detail: `must be one of ${error.params.allowedValues.filter((one: unknown) => one !== null).join(', ')}`,
      };
    case 'type':
      return { pointer: at, detail: `must be ${[error.params.type].flat().join(' or ')}` };
    case 'pattern':
      return {
        pointer: at,
        detail:
          (error.parentSchema as { patternHint?: string } | undefined)?.patternHint ??
          `must match ${error.params.pattern}`,
      };
    default:
      return { pointer: at, detail: error.message ?? 'is not valid' };
  }
}

type ClosedSchema = { properties?: object; misplaced?: Record<string, string> };

/** An unknown field may belong elsewhere, as the schema's `misplaced` says, or be a misspelt known one. */
function detailOfUnknown(name: string, schema: ClosedSchema): string {
  const place = Object.hasOwn(schema.misplaced ?? {}, name) ? schema.misplaced?.[name] : undefined;
  if (place !== undefined) return `is not a known field here; it belongs into ${place}`;
  return unknownField(name, Object.keys(schema.properties ?? {}));
}
