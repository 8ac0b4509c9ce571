import { describe, expect, test } from 'vitest';
import { redisAddress } from '../../../src/settings/redis.ts';

const read = (input: string) => {
  const result = redisAddress(input);
  return result.ok ? result.value : null;
};

describe('the address of a Redis', () => {
  test('of one server is left as it is', () => {
    for (const url of ['redis://localhost', 'rediss://u:p%40@h:6380/2?family=6', 'REDIS://h'])
      expect(read(url)).toEqual({ kind: 'server', url });
  });

  test('by way of Sentinels has hosts, the name of the master, and two kinds of credentials', () => {
    expect(
      read('redis+sentinel://me:p%40%2Fss@one,two:26380,[::1]:26381/main/3?sentinel_username=s&sentinel_password=t%26'),
    ).toEqual({
      kind: 'sentinel',
      nodes: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_380 },
        { host: '::1', port: 26_381 },
      ],
      master: 'main',
      db: 3,
      tls: false,
      credentials: { username: 'me', password: 'p@/ss' },
      sentinelCredentials: { username: 's', password: 't&' },
    });
    expect(read('rediss+sentinel://:a:b@h/m')).toMatchObject({ db: 0, tls: true, credentials: { password: 'a:b' } });
    expect(read('redis+sentinel://h/m/')).toMatchObject({
      master: 'm',
      db: 0,
      credentials: {},
      sentinelCredentials: {},
    });
  });

  test('of a Cluster has hosts, and no other database than 0', () => {
    expect(read('redis+cluster://:p@one:7000,two')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'one', port: 7_000 },
        { host: 'two', port: 6_379 },
      ],
      tls: false,
      credentials: { password: 'p' },
    });
    for (const url of ['rediss+cluster://h', 'rediss+cluster://h/', 'rediss+cluster://h/0'])
      expect(read(url)).toMatchObject({ tls: true });
  });

  test.each([
    '',
    'localhost:6379',
    'http://h',
    'redis+proxy://h',
    'redis+sentinel+x://h/m',
    'redis://a:1,b:2',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel:///m',
    'redis+sentinel://h/m/x',
    'redis+sentinel://h/m/0/1',
    'redis+sentinel://h:0/m',
    'redis+sentinel://h:65536/m',
    'redis+sentinel://h,/m',
    'redis+sentinel://h b/m',
    'redis+sentinel://:%zz@h/m',
    'redis+sentinel://h/%zz',
    'redis+sentinel://h/m?password=x',
    'redis+cluster://h/1',
    'redis+cluster://h?sentinel_password=x',
    'redis+cluster://',
  ])('%j is refused, without repeating it', (input) => {
    const result = redisAddress(input);
    expect(result).toEqual({ ok: false, errors: [expect.stringMatching(/^must be a URL such as /)] });
  });
});
