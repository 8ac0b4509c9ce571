/** The log: JSON lines for machines, or pretty ones for people, with every secret taken out of the finished line. */

import { type DestinationStream, type LoggerOptions, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { escapeInvisible, showControls } from './log-escapes.ts';

export type Logger = pino.Logger;

export type LogOptions = {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  format: 'json' | 'pretty';
  /** The version of the program. It is on every JSON line, like the service's name. */
  version: string;
  /** Takes each finished line; the standard output when absent. */
  destination?: DestinationStream;
};

/**
 * A logger whose lines are written when the call returns, so that none is lost at exit. Bind `requestId`, `taskId`,
 * `runId` and `replica` with `child`. Secrets are redacted at any depth, in bindings, messages and stacks alike.
 */
export function createLogger({ level, format, version, destination }: LogOptions): Logger {
  const options: LoggerOptions = {
    level,
    base: { service: 'punctual', version },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // pino takes anything with a message for an Error, and puts the name of its class in place of its type.
    serializers: { err: (err: unknown) => (err instanceof Error ? pino.stdSerializers.err(err) : err) },
    hooks: { streamWrite: redact },
  };
  const output = destination ?? pino.destination({ dest: 1, sync: true });
  if (format === 'json') return pino(options, output);
  const prettify = prettyFactory({
    ignore: 'service,version',
    colorize: destination === undefined && process.stdout.isTTY === true,
  });
  return pino(options, { write: (line) => output.write(prettify(showControls(line))) });
}

const string = String.raw`"(?:[^"\\]|\\.)*"`;
const list = String.raw`\[(?:[^"\]]|${string})*\]`;
const object = String.raw`\{(?:[^"{}]|${string})*\}`;
const names = 'authorization|cookie|passw(?:or)?d|secrets?|api[-_]?keys?|tokens?';

/** Members named like a secret, and all headers: those of targets carry secrets of their owner. */
const secretMember = new RegExp(String.raw`("(?:[\w.-]*(?:${names})|headers)"):(?:${string}|${list}|${object})`, 'gi');

/**
 * Texts that are secrets by their form, wherever they stand. Bounded, because a client's text must not make the search
 * slow.
 */
const secretForms: readonly [RegExp, string][] = [
  // A database password may hold unescaped slashes; another URL's path may hold an @ that ends no password.
  [/\b((?:postgres(?:ql)?|rediss?(?:\+\w+)?):\/{2,}[^\s:@/"]{0,256}:)[^\s@"]{1,1024}@/gi, '$1[redacted]@'],
  [/(:\/{2,}[^\s:@/"]{0,256}:)[^\s@/"]{1,1024}@/g, '$1[redacted]@'],
  [/([?&\s](?:sentinel_)?(?:password|pwd)=)[^&\s"]+/gi, '$1[redacted]'],
  [/\b((?:Bearer|Basic)\s+)[\w.~+/=-]+/gi, '$1[redacted]'],
  [/\bwhsec_[\w+/=-]+/g, 'whsec_[redacted]'],
];

/**
 * Takes the secrets out of one finished JSON line. Working on the line and not on the objects covers any depth, child
 * bindings, error messages and stacks in one place, and costs nothing where nothing is logged.
 */
function redact(line: string): string {
  let clean = line.replace(secretMember, '$1:"[redacted]"');
  for (const [form, replacement] of secretForms) clean = clean.replace(form, replacement);
  return escapeInvisible(clean.replace(dotted, withoutToken));
}

/** Texts that may hold a token in compact form. Each is one match, so that none is searched twice. */
const dotted = /[\w.-]{9,}/g;

/** A token is three parts or more, the first of which is JSON in base64 and so begins with `eyJ`. */
function withoutToken(text: string): string {
  const parts = text.split('.');
  const first = parts.findIndex((part, place) => place < parts.length - 2 && /\beyJ/.test(part));
  if (first < 0) return text;
  const before = (parts[first] as string).replace(/\beyJ.*/, '');
  return `${[...parts.slice(0, first), before].join('.')}[redacted]`;
}
