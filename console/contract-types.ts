/**
 * Writes the types of the contract (openapi.yaml) to src/api/contract.ts, in the form that openapi-fetch reads. A tool of
 * its own: openapi-typescript needs TypeScript 5, which this project does not use.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'yaml';

type Schema = {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
};
type Parameter = { $ref?: string; name: string; in: string; required?: boolean; schema: Schema };
type Body = { $ref?: string; required?: boolean; content?: Record<string, { schema?: Schema }> };
type Operation = {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: Body;
  responses: Record<string, Body>;
};
type Contract = {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, Schema & Parameter & Body>>;
};

const from = new URL('../openapi.yaml', import.meta.url);
const to = new URL('./src/api/contract.ts', import.meta.url);
const methods = ['get', 'put', 'post', 'delete', 'patch'];

const contract = parse(await readFile(from, 'utf8')) as Contract;

/** What a reference leads to; the thing itself where it is none. */
function found<T extends { $ref?: string }>(thing: T): T {
  if (thing.$ref === undefined) return thing;
  const [, , kind = '', name = ''] = thing.$ref.split('/');
  return contract.components[kind]?.[name] as unknown as T;
}

const key = (name: string, isRequired: boolean) => `${JSON.stringify(name)}${isRequired ? '' : '?'}: `;
const object = (members: readonly string[]) => `{ ${members.join('; ')} }`;

function typeOf(schema: Schema | undefined): string {
  if (schema === undefined) return 'unknown';
  if (schema.$ref !== undefined) return `components['schemas']['${schema.$ref.split('/').at(-1)}']`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((each) => `(${typeOf(each)})`).join(' | ');
  if (schema.allOf) return schema.allOf.map((each) => `(${typeOf(each)})`).join(' & ');
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? (schema.properties ? 'object' : '')];
  return types.map((type) => plainType(type, schema)).join(' | ');
}

function plainType(type: string, schema: Schema): string {
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'string' || type === 'boolean' || type === 'null') return type;
  if (type === 'array') return `(${typeOf(schema.items)})[]`;
  if (type !== 'object') return 'unknown';
  const required = new Set(schema.required);
  const members = Object.entries(schema.properties ?? {}).map(
    ([name, each]) => key(name, required.has(name)) + typeOf(each),
  );
  const { additionalProperties: more } = schema;
  if (members.length === 0) return `Record<string, ${typeof more === 'object' ? typeOf(more) : 'unknown'}>`;
  return object(members);
}

function parametersOf(all: readonly Parameter[]): string {
  const places = ['query', 'header', 'path'].map((place) => {
    const here = all.filter((each) => each.in === place);
    if (here.length === 0) return `${place}?: never`;
    const isRequired = here.some((each) => each.required);
    const members = here.map((each) => key(each.name, each.required === true) + typeOf(each.schema));
    return `${place}${isRequired ? '' : '?'}: ${object(members)}`;
  });
  return object([...places, 'cookie?: never']);
}

function contentOf(body: Body): string {
  const media = Object.entries(found(body).content ?? {});
  if (media.length === 0) return '{ content?: never; headers: Record<string, unknown> }';
  const members = media.map(([type, { schema }]) => key(type, true) + typeOf(schema));
  return `{ content: ${object(members)}; headers: Record<string, unknown> }`;
}

function operationOf({ parameters = [], requestBody, responses }: Operation): string {
  const body = requestBody && found(requestBody);
  return object([
    `parameters: ${parametersOf(parameters.map(found))}`,
    body ? `requestBody${body.required ? '' : '?'}: ${contentOf(body)}` : 'requestBody?: never',
    `responses: ${object(Object.entries(responses).map(([status, each]) => `${/^\d+$/.test(status) ? status : key(status, true).slice(0, -2)}: ${contentOf(each)}`))}`,
  ]);
}

// A call of a namespace stands in the contract twice. The client puts the namespace before the path.
const paths = Object.entries(contract.paths)
  .filter(([path]) => !path.startsWith('/ns/'))
  .map(([path, calls]) => {
    const members = methods.map((method) =>
      calls[method] ? `${method}: ${operationOf(calls[method])}` : `${method}?: never`,
    );
    return (
      key(path, true) +
      object(['parameters: { query?: never; header?: never; path?: never; cookie?: never }', ...members])
    );
  });
const schemas = Object.entries(contract.components.schemas ?? {}).map(([name, each]) => key(name, true) + typeOf(each));

await writeFile(
  to,
  `/** Types of the contract, made of openapi.yaml by contract-types.ts. */

export type components = { schemas: {\n  ${schemas.join(';\n  ')};\n} };

export type paths = {\n  ${paths.join(';\n  ')};\n};
`,
);
