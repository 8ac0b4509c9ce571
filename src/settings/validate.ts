/** Checks the texts of settings against the schema of the table, and makes values of them. */

import { Ajv, type ErrorObject, type SchemaValidateFunction } from 'ajv';
import { Type } from 'typebox';
import type { Definition, Reader, SettingParsers } from './definition.ts';
import { type SettingValues, settingTable } from './table.ts';
import { alternatives } from './values.ts';

/** A text as the schema wants it: decimal digits become a number where the schema asks for one. */
export function rawValue({ type }: Definition, text: string): string | number {
  return type === 'integer' && /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/**
 * The values of all settings: of `given`, which maps the keys of the table to raw values and is changed, of the
 * defaults, and of the values for absent ones. `faults` are sentences in the order of the table; a value with a
 * fault is left out. No fault repeats the text of a secret.
 */
export function validate(
  given: Record<string, string | number>,
  parsers: SettingParsers,
): { values: Partial<SettingValues>; faults: string[] } {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true });
  ajv.addVocabulary(['env', 'secret', 'absent']);
  ajv.addKeyword({ keyword: 'reads', modifying: true, errors: true, validate: createReading(parsers) });
  const texts = { ...given };
  const check = ajv.compile(Type.Object(settingTable, { required: [] }));
  /** One entry a setting: several keywords of a number give the same sentence. */
  const invalid = new Map<string, string[]>();
  if (!check(given)) {
    for (const error of check.errors ?? []) {
      const key = error.instancePath.slice(1);
      const definition = settingTable[key as keyof SettingValues] as Definition;
      invalid.set(
        key,
        phrasesOf(error).map((phrase) => sentence(definition, phrase, texts[key])),
      );
    }
  }
  const values: Record<string, unknown> = {};
  for (const [key, { absent }] of Object.entries<Definition>(settingTable)) {
    const value = key in given ? given[key] : absent;
    if (!invalid.has(key)) values[key] = Array.isArray(value) ? Object.freeze(value) : value;
  }
  return { values: values as Partial<SettingValues>, faults: [...invalid.values()].flat() };
}

/** The keyword `reads`: puts the value that its reader makes of a text in the place of the text. */
function createReading(parsers: SettingParsers): SchemaValidateFunction {
  const reading: SchemaValidateFunction = (reader: Reader<unknown>, text: string, _schema, place) => {
    const read = reader(text, parsers);
    if (!read.ok) {
      reading.errors = [{ keyword: 'reads', params: { phrases: read.errors } }];
      return false;
    }
    if (place) place.parentData[place.parentDataProperty] = read.value;
    return true;
  };
  return reading;
}

/** The faults of a value, in phrases that follow the name of its setting. */
function phrasesOf({ keyword, params, parentSchema = {} }: ErrorObject): string[] {
  if (keyword === 'reads') return params.phrases as string[];
  if (keyword === 'enum') return [`must be ${alternatives(params.allowedValues as string[])}`];
  return [`must be a whole number from ${parentSchema.minimum} to ${parentSchema.maximum}`];
}

/** A phrase such as `must be …` is completed by the text that was found, unless that is a secret. */
function sentence({ env, secret = false }: Definition, phrase: string, given: string | number | undefined): string {
  if (!phrase.startsWith('must ')) return `${env}: ${phrase}`;
  return `${env} ${phrase}${secret ? '' : `, not ${JSON.stringify(String(given))}`}`;
}
