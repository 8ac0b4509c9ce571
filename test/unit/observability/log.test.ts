import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createLogger, type LogOptions } from '../../../src/observability/log.ts';

function record(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level: 'trace',
    format: 'json',
    version: '1.2.3',
    ...options,
    destination: { write: (line: string) => void lines.push(line) },
  });
  const last = () => JSON.parse(lines.at(-1) ?? 'null');
  return { log, lines, last };
}

describe('a JSON line', () => {
  test('has an ISO time, the level as a word, the service and its version, the bindings and the message', () => {
    const { log, last } = record();
    log.child({ replica: 'r1', requestId: 'q1', taskId: 't1', runId: 'u1' }).warn({ extra: 1 }, 'it happened');
    expect(last()).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'punctual',
      version: '1.2.3',
      replica: 'r1',
      requestId: 'q1',
      taskId: 't1',
      runId: 'u1',
      extra: 1,
      msg: 'it happened',
    });
  });

  test('below the level is not written', () => {
    const { log, lines } = record({ level: 'warn' });
    log.info('quiet');
    expect(lines).toEqual([]);
    log.error('loud');
    expect(lines).toHaveLength(1);
  });

  test('shows an error with its type, message, stack and code', () => {
    const { log, last } = record();
    log.error({ err: Object.assign(new TypeError('broken'), { code: 'E1' }) }, 'failed');
    expect(last().err).toMatchObject({ type: 'TypeError', message: 'broken', code: 'E1' });
    expect(last().err.stack).toContain('log.test.ts');
  });

  test('shows an error that is none of the program with its own type alone', () => {
    const { log, last } = record();
    log.warn({ err: { type: 'rejected', message: 'the target answered 500' } }, 'run ended');
    expect(last().err).toEqual({ type: 'rejected', message: 'the target answered 500' });
  });
});

describe('secrets', () => {
  const hush = 'hush7f3a';

  test.each([
    ['an authorization header', { headers: { authorization: `Bearer ${hush}` } }],
    ['a header deep down', { req: { raw: { headers: { 'X-Api-Key': hush, cookie: `a=${hush}` } } } }],
    ['a list of cookies', { 'set-cookie': [`a=${hush}`, `b="]${hush}`] }],
    [
      'the headers of a target',
      { task: { target: { type: 'http', headers: { 'x-tenant': hush, 'x-brace': `}"${hush}` } } } },
    ],
    [
      'the headers of targets in a list',
      { items: [{ target: { headers: { 'x-a': hush } } }, { headers: { b: hush } }] },
    ],
    ['a member named like a secret', { a: { b: { c: { d: { e: { clientSecret: hush } } } } } }],
    ['an API key', { apiKey: hush, API_KEYS: [hush, hush], 'api-key': hush }],
    ['a secret that is an object', { secret: { value: hush } }],
    ['a token', { access_token: hush, token: hush }],
    ['a value with quotes and line breaks', { password: `a"b\\"\n${hush}` }],
    ['a database URL', { url: `postgres://user:${hush}@db:5432/x` }],
    ['a database URL with a slash in the password', { url: `postgresql://user:a/b${hush}@db/x` }],
    ['a Redis URL', { redis: [`rediss://:${hush}@cache:6380/0`] }],
    ['a Redis address with a slash in the password', { url: `redis+sentinel://u:a/b${hush}@one:1,two:2/main` }],
    ["a Sentinel's password", { url: `redis+sentinel://h/main?sentinel_password=${hush}` }],
    ['a password in a query', { url: `postgres://db/x?user=a&password=${hush}&ssl=1` }],
    ['a target URL with credentials', { target: { url: `https://me:${hush}@example.com/` } }],
    ['a proxy with a slash too many', { proxy: `http:///me:${hush}@proxy:3128` }],
    ['a database URL with a slash too many', { url: `postgres:///u:a/b${hush}@db/x` }],
    ['a signing secret under any name', { any: `whsec_${hush}+/==` }],
    ['a token in a text', { any: `sent eyJhbGciOiJI.eyJzdWIi.${hush}` }],
  ])('%s is redacted, in a line and in bindings', (_, object) => {
    const { log, lines } = record();
    log.info(object, 'about it');
    log.child(object).info('about it');
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toContain('[redacted]');
      expect(line).not.toContain(hush);
      expect(JSON.parse(line).msg).toBe('about it');
    }
  });

  test('are redacted in messages, errors and their causes', () => {
    const { log, lines } = record();
    const cause = new Error(`connect postgres://u:${hush}@db/x`);
    const error = Object.assign(new Error('outer', { cause }), {
      config: { headers: { Authorization: `Basic ${hush}` } },
    });
    log.error({ err: error }, `could not reach redis://:${hush}@cache`);
    log.error(cause);
    for (const line of lines) {
      expect(line).not.toContain(hush);
      expect(JSON.parse(line).level).toBe('error');
    }
  });

  test('are redacted in pretty lines too', () => {
    const { log, lines } = record({ format: 'pretty' });
    log.info({ headers: { authorization: `Bearer ${hush}` } }, `redis://:${hush}@cache`);
    expect(lines.join('')).toContain('[redacted]');
    expect(lines.join('')).not.toContain(hush);
  });

  test('what is no secret stays as it is', () => {
    const { log, last } = record();
    const plain = {
      url: 'http://127.0.0.1:8080/a/b?x=1',
      email: 'https://example.com/users/a@b.example:8/x',
      headersCount: 2,
      tokens: 5,
      note: 'the "secret" of "headers": {}',
      idempotencyKey: 'k-1',
      nested: { cron: '*/5 * * * *', list: ['a', { b: null }] },
    };
    log.info(plain, 'as it is');
    expect(last()).toMatchObject({ ...plain, msg: 'as it is' });
  });
});

describe('a pretty line', () => {
  test('is for people: time, level, message, details', () => {
    const { log, lines } = record({ format: 'pretty' });
    log.child({ taskId: 'nightly' }).warn('late');
    expect(lines.join('')).toMatch(/WARN.*: late/);
    expect(lines.join('')).toContain('taskId: "nightly"');
    expect(lines.join('')).not.toContain('{"');
    expect(lines.join('')).not.toContain('punctual');
  });
});

test.each(['json', 'pretty'] as const)(
  'the last %s line is written even when the process exits at once',
  async (format) => {
    // Node 20 runs no TypeScript by itself.
    const script = `
    const { createLogger } = await import(${JSON.stringify(new URL('../../../src/observability/log.ts', import.meta.url).href)});
    const log = createLogger({ level: 'info', format: '${format}', version: '0' });
    for (let i = 0; i < 500; i++) log.info({ i }, 'line');
    log.fatal('the last words');
    process.exit(3);
  `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(3);
    expect(output).toContain('the last words');
    expect(output.match(/line/g)).toHaveLength(500);
  },
);

describe('nothing in a text makes a line of its own', () => {
  const forged = '[12:00:00.000] INFO: all is well';
  const nasty = [
    `a\n${forged}`,
    `a\r\n${forged}`,
    `a\u0085${forged}`,
    `a\u2028${forged}`,
    `\u001b[2K\u001b[1A${forged}`,
    `\u009b2K${forged}`,
    `a\b\b\f\v${forged}`,
    `\u202e${forged}`,
    `\\n${forged}`,
    `\\\n${forged}`,
  ];
  const controls = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u;

  test.each(nasty)('pretty: %j', (text) => {
    const { log, lines } = record({ format: 'pretty' });
    log.child({ requestId: text, [text]: text }).warn({ url: text, deep: { list: [text] } }, text);
    const error = new Error(text);
    log.error({ err: Object.assign(error, { detail: text }) }, 'a request failed');
    for (const line of lines.flatMap((each) => each.trimEnd().split('\n'))) {
      expect(line).not.toMatch(controls);
      expect(line.trim().startsWith('[12:00')).toBe(false);
    }
    expect(lines.filter((line) => /^\[\d\d:\d\d/.test(line))).toHaveLength(2);
    expect(lines[1]?.split('\n').some((line) => line.trim().startsWith('at '))).toBe(true);
  });

  test.each(nasty)('JSON: %j', (text) => {
    const { log, lines, last } = record();
    log.warn({ url: text, [text]: text }, text);
    expect(lines[0]?.trimEnd()).not.toMatch(controls);
    expect(last()).toMatchObject({ url: text, [text]: text, msg: text });
  });
});

test('the search for secrets takes as long as the text is, whatever stands in it', () => {
  const { log } = record();
  const size = 100_000;
  const time = (piece: string) => {
    const text = piece.repeat(size / piece.length);
    let fastest = Infinity;
    for (let round = 0; round < 5; round++) {
      const from = performance.now();
      log.warn({ url: text, [text]: 1, list: [text] }, text);
      fastest = Math.min(fastest, performance.now() - from);
    }
    return fastest;
  };
  const usual = Math.max(time('x y '), time('/a?b='));
  const start = ['-eyJ', 'eyJ.', '.eyJ-', 'eyJa.', '-a.', 'a-', 'a.', '?pwd=', 'redis://:', 'redis+a', '://:', '://a:'];
  const further = ['x:', 'postgres://a:', 'Bearer ', '"token":{', '"secret":["', '{"headers":', '\\"', 'whsec_'];
  // A search that is quadratic takes a thousand times as long.
  for (const piece of [...start, ...further]) expect(time(piece), piece).toBeLessThan(300 * usual);
});
