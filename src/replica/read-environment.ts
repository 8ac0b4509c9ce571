/** Reads the settings of a replica from an environment, with the readers of the values that executors understand. */

import type { Result } from '../errors.ts';
import { parseAddressRules } from '../executors/http/filter/address-rules.ts';
import { parseProxy } from '../executors/http/proxy-choice.ts';
import { parseSigningSecrets } from '../executors/http/signature.ts';
import { type Environment, readSettings, type Settings } from '../settings/settings.ts';

/** The settings, or every fault in them as a sentence. `readFile` gives a file's text or throws. */
export function readEnvironment(env: Environment, readFile: (path: string) => string): Result<Settings, string[]> {
  return readSettings(env, readFile, {
    addressRules: parseAddressRules,
    proxyUrl: parseProxy,
    signingSecrets: parseSigningSecrets,
  });
}
