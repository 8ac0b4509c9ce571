/** The contract passes the linters that its readers use: redocly's recommended rules, and spectral:oas. */

import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import core from '@stoplight/spectral-core';
import parsers from '@stoplight/spectral-parsers';
import rulesets from '@stoplight/spectral-rulesets';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const path = 'openapi.yaml';
const text = readFileSync(path, 'utf8');
const contract = parse(text);

test("passes redocly's recommended rules", async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const found = await lintFromString({ source: text, absoluteRef: path, config });
  expect(found.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
});

test('passes spectral:oas', async () => {
  const spectral = new core.Spectral();
  spectral.setRuleset({ extends: [rulesets.oas as core.RulesetDefinition] });
  const found = await spectral.run(new core.Document(text, parsers.Yaml, path));
  expect(found.map(({ code, message, path: at }) => `${code}: ${message} at ${at.join('.')}`)).toEqual([]);
});

describe('generators get what they need', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the document is looked into at any depth.
  type Anything = any;
  const calls: [name: string, call: Anything][] = Object.entries<Anything>(contract.paths).flatMap(([url, methods]) =>
    Object.entries<Anything>(methods).map(([method, call]): [string, Anything] => [`${method} ${url}`, call]),
  );

  test('names of their own for all calls', () => {
    const names = calls.map(([, { operationId }]) => operationId);
    expect(names.filter((name) => !/^[a-z]+[A-Za-z]+$/.test(name ?? ''))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['createTask', 'listTasks', 'getTask', 'patchTask', 'triggerTask']));
  });

  test.each(calls)('%s says who may call it, its errors, and an example of its body', (name, call) => {
    const isPublic = /\/(livez|readyz|healthz|metrics|console\/config)$| \/auth\//.test(name);
    expect(call.security.length > 0).toBe(!isPublic);
    for (const [status, answer] of Object.entries<Anything>(call.responses)) {
      const own = answer.$ref ? contract.components.responses[answer.$ref.split('/').at(-1)] : answer;
      expect(own.headers['X-Request-Id']).toBeDefined();
      if (/^4|default/.test(status))
        expect(own.content['application/problem+json'].schema).toEqual({ $ref: '#/components/schemas/Problem' });
    }
    for (const [type, media] of Object.entries<Anything>(call.requestBody?.content ?? {})) {
      if (type.includes('json')) expect(media.schema.$ref).toBeDefined();
      expect(media.example).toBeDefined();
    }
  });

  test('one type at a time, and no keywords of our own but with x-', () => {
    const known = new Set(
      `$ref additionalProperties const default description enum examples format items maxItems maxLength maxProperties maximum
      minItems minLength minimum oneOf pattern properties propertyNames required type`.split(/\s+/),
    );
    const faults: string[] = [];
    const look = (schema: Anything, at: string) => {
      for (const keyword of Object.keys(schema))
        if (!known.has(keyword) && !keyword.startsWith('x-')) faults.push(`${at}: ${keyword}`);
      if (Array.isArray(schema.type)) faults.push(`${at}: a list of types`);
      if (schema.enum && !schema.type) faults.push(`${at}: enum without type`);
      const { items, additionalProperties, oneOf = [], properties = {} } = schema;
      for (const [name, one] of Object.entries({ items, additionalProperties, ...oneOf }))
        if (typeof one === 'object') look(one, `${at}.${name}`);
      for (const [name, one] of Object.entries(properties)) look(one, `${at}.${name}`);
    };
    for (const [name, schema] of Object.entries(contract.components.schemas)) look(schema, name);
    expect(faults).toEqual([]);
  });
});
