/** The schema of one setting: its name, its meaning, and how its text becomes a value. */

import type { KeyObject } from 'node:crypto';
import { type TSchema, type TUnsafe, Type } from 'typebox';
import type { Result } from '../errors.ts';
import type { Parse } from './values.ts';

/** Readers that belong to other layers. They are handed in, because the settings import no layer. */
export type SettingParsers = {
  /** CIDRs and hosts, as text per rule. */
  addressRules: Parse<string[]>;
  /** The URL of a proxy; a fault repeats nothing of it. */
  proxyUrl: Parse<string>;
  /** `whsec_…` secrets, newest first; a fault repeats none of them. */
  signingSecrets: Parse<KeyObject[]>;
};

/** Makes a value of a text, or phrases that follow the name of the setting. */
export type Reader<T> = (text: string, parsers: SettingParsers) => Result<T, string[]>;

/** The members of each setting's schema beside the keywords of JSON Schema. */
type Notes = {
  /** The name of the variable in the environment. */
  env: string;
  description: string;
  /** The text that is used where none is set. */
  default?: string | number;
  /** The value where there is neither a text nor a default. */
  absent?: unknown;
  /** Never shown, and possibly in the file that the variable `NAME_FILE` names. */
  secret?: boolean;
};

/** One setting: a schema whose static type is the value that the program works with. */
export type Definition = TSchema &
  Notes & { type: string; reads?: Reader<unknown>; enum?: string[]; minimum?: number; maximum?: number };

/** The schema of a setting. Its static type is the type of the value that is made of the text. */
export const define = <T>(schema: Definition) => Type.Unsafe<T>(schema) as TUnsafe<T> & Definition;
/** A setting whose text `reads` makes a value of; `default` is written as people write it. */
export const setting = <T>(env: string, fallback: string, description: string, reads: Reader<T>) =>
  define<T>({ type: 'string', env, description, default: fallback, reads });
/** Without a default. */
export const optional = <T, A>(env: string, description: string, reads: Reader<T>, absent: A) =>
  define<T | A>({ type: 'string', env, description, absent, reads });
/** Without a default, never shown, and possibly from a file. */
export const secret = <T, A>(env: string, description: string, reads: Reader<T>, absent: A) =>
  define<T | A>({ type: 'string', env, description, absent, reads, secret: true });
/** One of some words; the first is the default. */
export const choice = <const W extends string>(env: string, fallback: W, description: string, words: readonly W[]) =>
  define<W>({ type: 'string', env, description, default: fallback, enum: [...words] });
/** A whole number in decimal digits, both bounds included. */
export const count = (env: string, fallback: number, minimum: number, maximum: number, description: string) =>
  define<number>({ type: 'integer', env, description, default: fallback, minimum, maximum });
