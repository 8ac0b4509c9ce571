/** Reads the files of the deployment, for the tests that hold them to the code. */

import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { readEnvironment } from '../../../src/replica/read-environment.ts';
import type { Definition } from '../../../src/settings/definition.ts';
import type { Environment, Settings } from '../../../src/settings/settings.ts';
import { settingTable } from '../../../src/settings/table.ts';

const root = new URL('../../../', import.meta.url);
/** The text of a file, by its path from the root of the repository. */
export const textOf = (path: string) => readFileSync(new URL(path, root), 'utf8');
export const exists = (path: string) => existsSync(new URL(path, root));

export type Service = {
  image?: string;
  build?: string;
  user?: string;
  init?: boolean;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  tmpfs?: string[];
  networks?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  stop_grace_period?: string;
  healthcheck?: { test: string[] };
  deploy?: { replicas: number };
};
export type Compose = {
  services: Record<'punctual' | 'nginx' | 'postgres' | 'redis' | 'prometheus', Service>;
  networks: Record<string, { internal?: boolean }>;
};
export const compose = readCompose(textOf('docker-compose.yml'));

/** Compose reads YAML with merge keys. */
export function readCompose(text: string): Compose {
  return parse(text, { merge: true }) as Compose;
}

/** One instruction of the Dockerfile, its continued lines joined. */
type Instruction = { stage: string; word: string; rest: string };
export const instructions = readDockerfile(textOf('Dockerfile'));
/** The instructions of a kind, in all pre-claims or in one. */
export const of = (word: string, stage?: string) =>
  instructions.filter((each) => each.word === word && (stage === undefined || each.stage === stage));
/** What the last instruction of a kind in the final stage says. */
export const lastOf = (word: string) => of(word, 'runtime').at(-1)?.rest ?? '';

function readDockerfile(text: string): Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  let stage = '';
  return lines.map((line) => {
    const [, word = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (word === 'FROM') stage = / AS (\S+)$/i.exec(rest)?.[1] ?? '';
    return { stage, word, rest };
  });
}

/** What `ENV` of the final stage sets. */
export const imageEnvironment = Object.fromEntries(
  of('ENV', 'runtime').flatMap(({ rest }) => rest.split(/\s+/).map((pair) => pair.split('=', 2))),
) as Record<string, string>;

/** All variables that the settings know, and whether each is a secret. */
export const settingNames = new Map(
  Object.values<Definition>(settingTable).flatMap(({ env: name, secret = false }): [string, boolean][] =>
    secret
      ? [
          [name, true],
          [`${name}_FILE`, true],
        ]
      : [[name, false]],
  ),
);

/** The settings that an environment gives; throws with all faults. */
export function settingsOf(environment: Environment, readFile: (path: string) => string = () => ''): Settings {
  const read = readEnvironment(environment, readFile);
  if (!read.ok) throw new Error(read.errors.join('\n'));
  return read.value;
}
