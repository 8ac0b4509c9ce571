import { isIP } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultDeniedTargets, parseAddressRules } from '../../../../../src/executors/http/filter/address-rules.ts';
import { createTargetFilter } from '../../../../../src/executors/http/filter/target-filter.ts';
import { startTarget, type Target } from '../../../../target.ts';
import { attemptOn, call, resolvedTo, startExecutor } from '../harness.ts';
import { startRaw } from '../raw-server.ts';

const byDefault = createTargetFilter({ deny: defaultDeniedTargets, allow: [] });
const refusesUrl = (deny: string[], allow: string[], url: string) =>
  createTargetFilter({ deny, allow }).refusesUrl(url);

test.each([
  'http://169.254.169.254/latest/meta-data',
  'http://0xa9fea9fe/',
  'http://2852039166/',
  'http://0251.0376.0251.0376/',
  'http://169.254.43518/',
  'http://[::ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[::169.254.169.254]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[64:ff9b:1::a9fe:a9fe]/',
  'http://[2002:a9fe:a9fe::1]/',
  'http://[::ffff:0:169.254.169.254]/',
  'http://[::ffff:0:a9fe:a9fe]/',
  'http://[64:ff9b:1:a9fe:a9:fe00::]/',
  'http://[64:ff9b:1:a9:fe:a9fe::]/',
  'http://[64:ff9b:1:0:a9:fea9:fe00:0]/',
  'http://[64:ff9b:1:abcd:ef01:2345:a9fe:a9fe]/',
  'http://[2001:0:a9fe:a9fe::]/',
  'http://[2001:0:808:808:0:ffff:5601:5601]/',
  'http://[2001:db8::5efe:a9fe:a9fe]/',
  'http://[2001:db8::200:5efe:169.254.169.254]/',
  'http://[0:0:0:0:0:FFFF:A9FE:A9FE]/',
  'http://１６９.２５４.１６９.２５４/',
  'http://①⑥⑨.254.169.254/',
  'http://169。254。169。254/',
  'http://169.254.169.254./',
  'http://0xa9.0376.43518/',
  'http://user:password@169.254.169.254/',
  'http://ｍetadata.goog/',
  'http://metadata.goog../',
  'http://metadata%2Egoog/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fd20:ce::254]/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://METADATA.google.internal./computeMetadata/v1',
])('by default %s is refused', (url) => {
  expect(byDefault.refusesUrl(url)).toMatch(/is refused by the setting TARGET_DENY$/);
});

test.each([
  'http://127.0.0.1:8080/',
  'http://10.0.0.1/',
  'http://192.168.1.1/',
  'http://[::1]/',
  'http://[fd00::1]/',
  'http://[2001:db8::a9fe:a9fe]/',
  'http://[64:ff9b::808:808]/',
  'http://[64:ff9b:1::808:808]/',
  'http://[2001:0:808:808:0:ffff:f7f7:f7f7]/',
  'http://[2001:db8::5eff:a9fe:a9fe]/',
  'https://example.com/',
  'http://billing:8080/report',
  'http://169.254.169.254.example.com/',
  'nonsense',
])('by default %s is allowed', (url) => {
  expect(byDefault.refusesUrl(url)).toBeNull();
});

test.each([
  'http://127.1/',
  'http://0.0.0.0/',
  'http://0/',
  'http://0.1.2.3/',
  'http://[::]/',
  'http://[::1]/',
  'http://[::ffff:0:0]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[64:ff9b::]/',
  'http://[64:ff9b::7f00:1]/',
])('who denies the IPv4 loopback denies %s', (url) => {
  expect(refusesUrl(['127.0.0.0/8'], [], url)).not.toBeNull();
});

test('a name denies itself, a suffix all below it', () => {
  expect(refusesUrl(['example.com'], [], 'http://example.com/')).not.toBeNull();
  expect(refusesUrl(['example.com'], [], 'http://www.example.com/')).toBeNull();
  for (const suffix of ['.example.com', '*.Example.com']) {
    expect(refusesUrl([suffix], [], 'http://a.b.example.com/')).not.toBeNull();
    expect(refusesUrl([suffix], [], 'http://example.com/')).toBeNull();
    expect(refusesUrl([suffix], [], 'http://notexample.com/')).toBeNull();
  }
});

test('a rule for a mapped network holds for addresses of both forms', () => {
  for (const rule of ['::ffff:10.0.0.0/104', '::ffff:a00:0/104', '::ffff:10.1.2.3'])
    for (const url of ['http://10.1.2.3/', 'http://[::ffff:10.1.2.3]/', 'http://[64:ff9b::a01:203]/'])
      expect(refusesUrl([rule], [], url), `${rule} ${url}`).toMatch(/TARGET_DENY/);
  expect(refusesUrl(['::ffff:10.0.0.0/104'], [], 'http://11.1.2.3/')).toBeNull();
});

describe('the word private', () => {
  const rules = (text: string) => {
    const read = parseAddressRules(text);
    return read.ok ? read.value : [];
  };

  test.each([
    'http://localhost:8080/',
    'http://api.localhost/',
    'http://LOCALHOST./',
    'http://127.8.9.1/',
    'http://[::1]/',
    'http://0.0.0.0/',
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://169.254.1.1/',
    'http://[fd12:3456::1]/',
    'http://[fe80::1]/',
    'http://[::ffff:192.168.1.1]/',
    'http://[64:ff9b::c0a8:101]/',
    'http://[2002:0a00:1::]/',
  ])('denies %s', (url) => {
    expect(refusesUrl(rules('Private'), [], url)).toMatch(/is refused by the setting TARGET_DENY$/);
  });

  test.each([
    'http://8.8.8.8/',
    'http://172.32.0.1/',
    'http://100.128.0.1/',
    'http://[2001:4860::1]/',
    'http://private.example/',
  ])('leaves %s', (url) => {
    expect(refusesUrl(rules('private'), [], url)).toBeNull();
  });

  test('stands beside other rules, and may be what is allowed', () => {
    expect(refusesUrl(rules('example.com private'), [], 'http://example.com/')).not.toBeNull();
    expect(refusesUrl([], rules('private'), 'http://10.0.0.1/')).toBeNull();
    expect(refusesUrl([], rules('private'), 'http://8.8.8.8/')).toMatch(/TARGET_ALLOW/);
  });

  test('denies a name that resolves to a private address', async () => {
    const filter = createTargetFilter({ deny: rules('private'), allow: [] });
    for (const address of ['10.0.0.1', '::1', 'fe80::1%eth0', '64:ff9b::a00:1']) {
      const resolve = resolvedTo(address);
      const outcome = await call({ url: 'http://billing.test/' }, {}, { filter, resolve });
      expect(outcome.error?.message).toMatch(/is refused by the setting TARGET_DENY$/);
    }
  });
});

test('with an allow list only what it names is reachable, and deny still wins', () => {
  expect(refusesUrl([], ['10.0.0.0/8'], 'http://10.1.2.3/')).toBeNull();
  expect(refusesUrl([], ['10.0.0.0/8'], 'http://[::ffff:10.1.2.3]/')).toBeNull();
  expect(refusesUrl([], ['10.0.0.0/8'], 'http://11.1.2.3/')).toMatch(/TARGET_ALLOW/);
  expect(refusesUrl(['10.1.0.0/16'], ['10.0.0.0/8'], 'http://10.1.2.3/')).toMatch(/TARGET_DENY/);
  expect(refusesUrl([], ['.internal'], 'http://billing.internal/')).toBeNull();
  expect(refusesUrl([], ['.internal'], 'http://example.com/')).toMatch(/TARGET_ALLOW/);
  // Only the resolved address can tell.
  expect(refusesUrl([], ['10.0.0.0/8'], 'http://billing/')).toBeNull();
});

test('rules are read from a list separated by commas or blanks', () => {
  expect(parseAddressRules(' 10.0.0.0/8,\n FD00::/8 Example.com., *.internal ::1')).toEqual({
    ok: true,
    value: ['10.0.0.0/8', 'fd00::/8', 'example.com.', '*.internal', '::1'],
  });
  expect(parseAddressRules('')).toEqual({ ok: true, value: [] });
});

test.each([
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  'fd00::/129',
  '10.0.0.300',
  '10.0.0',
  'example.com:80',
  'http://a',
  'a/8',
  '*',
  '.',
])('the rule %s is refused', (rule) => {
  const rules = parseAddressRules(`127.0.0.1 ${rule}`);
  expect(rules).toEqual({ ok: false, errors: [expect.stringContaining(`"${rule}"`)] });
});

describe('when calling', () => {
  let target: Target;
  beforeEach(async () => {
    target = await startTarget();
  });
  afterEach(() => target.close());

  const filter = createTargetFilter({ deny: ['127.0.0.2'], allow: [] });

  test('a literal address is refused before any connection', async () => {
    const outcome = await call(
      { url: target.url },
      {},
      { filter: createTargetFilter({ deny: ['127.0.0.0/8'], allow: [] }) },
    );
    expect(outcome).toMatchObject({
      status: 'failed',
      detail: null,
      error: { kind: 'rejected', message: 'the address 127.0.0.1 is refused by the setting TARGET_DENY' },
    });
    expect(target.connections()).toBe(0);
  });

  test('a name that resolves to a refused address is refused, mapped IPv6 too', async () => {
    for (const address of ['127.0.0.2', '::ffff:127.0.0.2']) {
      const resolve = resolvedTo(address);
      const outcome = await call({ url: `http://billing.test:${target.port}/` }, {}, { filter, resolve });
      expect(outcome.error).toEqual({
        kind: 'rejected',
        message: `the address ${address} is refused by the setting TARGET_DENY`,
      });
    }
    expect(target.connections()).toBe(0);
  });

  test('of several addresses only the allowed ones are connected to', async () => {
    const resolve = resolvedTo('127.0.0.2', '127.0.0.1');
    const outcome = await call({ url: `http://billing.test:${target.port}/` }, {}, { filter, resolve });
    expect(outcome.status).toBe('succeeded');
    expect(target.requests[0]?.headers.host).toBe(`billing.test:${target.port}`);
  });

  test('an address that is found later is looked at too', async () => {
    const found = (...addresses: string[]) => addresses.map((address) => ({ address, family: isIP(address) }));
    const answers = [
      { addresses: found('127.0.0.2'), late: Promise.resolve(found('127.0.0.2', '127.0.0.1')) },
      { addresses: found('::1'), late: Promise.resolve(found('127.0.0.2', '127.0.0.1')) },
      { addresses: found('::1'), late: Promise.resolve(found('127.0.0.2')) },
    ];
    const refused = await startRaw((socket) => socket.end(), '127.0.0.2', target.port);
    const ends: unknown[] = [];
    for (const answer of answers) {
      const resolve = () => Promise.resolve(answer);
      ends.push((await call({ url: `http://billing.test:${target.port}/` }, {}, { filter, resolve })).status);
    }
    expect([ends, refused.connections()]).toEqual([['succeeded', 'succeeded', 'failed'], 0]);
  });

  test('a name that changes its address between connections is looked at each time', async () => {
    const answers = ['127.0.0.1', '127.0.0.2'];
    let now = 0;
    const clock = {
      now: () => Date.now(),
      monotonic: () => performance.now() + now,
      uptime: () => 0,
      after: shortTimer,
    };
    const { execute } = startExecutor({
      clock,
      filter,
      resolve: () => resolvedTo(answers.shift() ?? '')(''),
    });
    const attempt = attemptOn({ url: `http://billing.test:${target.port}/`, method: 'HEAD' });
    expect(await execute(attempt).outcome).toMatchObject({ status: 'succeeded' });
    now += 5000; // what was resolved is out of date; a HEAD leaves no connection to use again
    expect(await execute(attempt).outcome).toMatchObject({ status: 'failed', error: { kind: 'rejected' } });
  });

  test('a refused name is not even resolved', async () => {
    let asked = 0;
    const resolve = () => {
      asked++;
      return resolvedTo('127.0.0.1')('');
    };
    const outcome = await call({ url: 'http://metadata.google.internal/' }, {}, { filter: byDefault, resolve });
    expect(outcome.error?.message).toBe('the host metadata.google.internal is refused by the setting TARGET_DENY');
    expect(asked).toBe(0);
  });
});

function shortTimer(ms: number, run: () => void) {
  const handle = setTimeout(run, ms);
  return { cancel: () => clearTimeout(handle) };
}
