/** The arguments of a bench, by the type of their defaults. */

import { parseArgs } from 'node:util';

type Value = number | boolean | string;

/**
 * Reads `--name value` (numbers, texts) and `--name` (booleans). Besides, `--set NAME=value`, any number of times,
 * gives settings to the replicas. Ends the process with the list of arguments when one is unknown or no number.
 */
export function readArguments<T extends Record<string, Value>>(
  defaults: T,
): { [Key in keyof T]: T[Key] extends number ? number : T[Key] extends boolean ? boolean : string } & {
  settings: Record<string, string>;
} {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      { type: typeof value === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    const { values } = parseArgs({ options: { ...options, set: { type: 'string', multiple: true } } });
    const given = values as Record<string, string | boolean | string[] | undefined>;
    const read = Object.entries(defaults).map(([name, value]) => {
      const text = given[name] ?? value;
      const found = typeof value === 'number' ? Number(text) : text;
      if (Number.isNaN(found)) throw new Error(`--${name} takes a number`);
      return [name, found] as const;
    });
    const settings = Object.fromEntries(
      ((given.set ?? []) as string[]).map((each) => [each.split('=', 1)[0], each.slice(each.indexOf('=') + 1)]),
    );
    return { ...Object.fromEntries(read), settings } as never;
  } catch (error) {
    const list = Object.entries(defaults).map(([name, value]) => `  --${name} ${value === false ? '' : value}`);
    console.error(`${(error as Error).message}\n\nArguments and defaults:\n${list.join('\n')}\n  --set NAME=value`);
    process.exit(2);
  }
}
