import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../../src/domain/input/duration.ts';
import { createHostCheck } from '../../../src/http/origin/own-hosts.ts';
import { isLoopback } from '../../../src/settings/values.ts';
import {
  type Compose,
  compose,
  exists,
  imageEnvironment,
  lastOf,
  readCompose,
  type Service,
  settingNames,
  settingsOf,
  textOf,
} from './read.ts';

const { services } = compose;

describe('the compose file', () => {
  test('has two replicas, nginx, Postgres, Redis and Prometheus, each with a health check', () => {
    expect(Object.keys(services).sort()).toEqual(['nginx', 'postgres', 'prometheus', 'punctual', 'redis']);
    expect(services.punctual.deploy?.replicas).toBe(2);
    expect(services.punctual.build).toBe('.');
    for (const [name, service] of Object.entries(services)) expect(service.healthcheck?.test, name).toBeDefined();
  });

  test('publishes nginx and Prometheus on loopback, and nothing else', () => {
    const ports = Object.entries(services).flatMap(([name, service]) =>
      (service.ports ?? []).map((port) => [name, port]),
    );
    expect(ports.map(([name]) => name)).toEqual(['nginx', 'prometheus']);
    for (const [, port] of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('keeps Postgres and Redis on a network without a way out', () => {
    expect(compose.networks.backend?.internal).toBe(true);
    for (const name of ['postgres', 'redis'] as const) expect(services[name].networks).toEqual(['backend']);
  });

  test('confines the replicas, nginx and Prometheus, and lets no service gain privileges', () => {
    for (const name of ['punctual', 'nginx', 'prometheus'] as const)
      expect(services[name], name).toMatchObject({ read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'] });
    for (const [name, service] of Object.entries(services))
      expect(service.security_opt, name).toEqual(['no-new-privileges:true']);
  });

  test('sets only variables that the settings know, and the replicas start with them', () => {
    const environment = services.punctual.environment ?? {};
    for (const name of Object.keys(environment)) expect(settingNames.has(name), name).toBe(true);
    const settings = settingsOf({ ...imageEnvironment, ...environment });
    expect(settings.open).toBe(true);
    expect(new URL(settings.databaseUrl as string).hostname).toBe('postgres');
    expect(settings.redisUrl).toEqual({ kind: 'server', url: 'redis://redis:6379' });
  });

  test('connects to the database that it makes', () => {
    const url = new URL(services.punctual.environment?.DATABASE_URL as string);
    expect(services.postgres.environment).toEqual({
      POSTGRES_USER: url.username,
      POSTGRES_PASSWORD: url.password,
      POSTGRES_DB: url.pathname.slice(1),
    });
  });

  test('asks for API keys as soon as its commented lines take the place of AUTH', () => {
    const text = textOf('docker-compose.yml')
      .replace(/^ +AUTH: none\n/m, '')
      .replace(/^( *)# (API_KEYS_FILE|secrets| {2}api_keys):/gm, '$1$2:');
    const changed = readCompose(text) as Compose & { secrets: Record<string, { file: string }> };
    const punctual = changed.services.punctual as Service & { secrets: string[] };
    expect(punctual.secrets).toEqual(Object.keys(changed.secrets));
    const keys = `ci:admin:${'0'.repeat(64)}\nread:reader:${'1'.repeat(64)}\n`;
    const file = `/run/secrets/${punctual.secrets[0]}`;
    const settings = settingsOf({ ...imageEnvironment, ...punctual.environment }, (path) =>
      path === file ? keys : '',
    );
    expect(settings.open).toBe(false);
    expect(settings.apiKeys).toHaveLength(2);
  });

  test('waits longer for a replica to stop than the replica itself waits for its attempts', () => {
    const { shutdownGraceMs } = settingsOf({ ...imageEnvironment, ...services.punctual.environment });
    const waits = parseDuration(services.punctual.stop_grace_period ?? '') ?? 0;
    // Aborting (2 s), writing down (5 s) and closing come after the grace.
    expect(waits).toBeGreaterThanOrEqual(shutdownGraceMs + 10_000);
    expect(parseDuration(services.nginx.stop_grace_period ?? '')).toBeGreaterThanOrEqual(waits);
  });

  test('asks a replica in the same way as the image does, but for readiness', () => {
    const inImage = JSON.parse(lastOf('HEALTHCHECK').replace(/^.*? CMD /, '')) as string[];
    const asked = inImage.map((part) => part.replace('/livez', '/readyz'));
    expect(services.punctual.healthcheck?.test).toEqual(['CMD', ...asked]);
    expect(asked).not.toEqual(inImage);
  });

  test('keeps Redis from evicting locks', () => {
    expect(services.redis.command?.join(' ')).toContain('--maxmemory-policy noeviction');
  });

  test('mounts only files that exist', () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
    const files = mounted.filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':'));
    expect(files.map(([path]) => path)).toEqual([
      './deploy/nginx.conf',
      './deploy/prometheus.yml',
      './deploy/alerts.yml',
    ]);
    for (const [path = '', , mode] of files) {
      expect(exists(path), path).toBe(true);
      expect(mode).toBe('ro');
    }
  });
});

describe('nginx', () => {
  const conf = textOf('deploy/nginx.conf').replace(/^\s*#.*$/gm, '');

  test('balances over every replica that DNS names', () => {
    expect(conf).toContain(`server punctual:${imageEnvironment.PORT} resolve `);
    expect(conf).toContain('resolver 127.0.0.11 ');
    const [, listen] = /listen (\d+);/.exec(conf) ?? [];
    expect(services.nginx.ports?.[0]).toMatch(new RegExp(`:${listen}$`));
  });

  test('never repeats a POST or PATCH that a replica may have carried out', () => {
    expect(/proxy_next_upstream ([^;]*);/.exec(conf)?.[1]).toBe('error timeout http_503');
    expect(conf).not.toContain('non_idempotent');
  });

  test('reads bodies as large as Punctual does, so that the 413 is its own', () => {
    const [, mebibytes] = /client_max_body_size (\d+)m;/.exec(conf) ?? [];
    const limits = [...textOf('src/http/routes/tasks/create-tasks.ts').matchAll(/bodyLimit: (\d+) \* 1024 \* 1024/g)];
    expect(limits).toHaveLength(1);
    expect(Number(mebibytes)).toBeGreaterThan(Number(limits[0]?.[1]));
  });

  test('writes nowhere but below /tmp', () => {
    for (const word of [
      'pid',
      'client_body_temp_path',
      'proxy_temp_path',
      'fastcgi_temp_path',
      'uwsgi_temp_path',
      'scgi_temp_path',
    ])
      expect(conf).toMatch(new RegExp(`^\\s*${word} /tmp/`, 'm'));
  });

  test('answers for absent replicas with a problem document of the API', () => {
    const [, body = ''] = /return 503 '(.*)';/.exec(conf) ?? [];
    expect(JSON.parse(body)).toMatchObject({
      type: 'urn:punctual:problem:unavailable',
      code: 'unavailable',
      status: 503,
      instance: '$instance',
      requestId: '$id',
    });
  });

  test('serves the names that a replica takes for its own, and sends other requests away', () => {
    const names = /server_name (localhost [^;]*);/.exec(conf)?.[1]?.split(' ') ?? [];
    const settings = settingsOf({ ...imageEnvironment, ...services.punctual.environment });
    const verdictOf = createHostCheck({ ...settings, isLoopback });
    for (const name of names)
      expect(
        verdictOf({ hosts: [`${name}:8080`], target: null, localAddress: '172.18.0.5', needsHost: true }),
        name,
      ).toBe('own');
    const [, body = ''] = /default_server;[^}]*return 421 '(.*)';/.exec(conf) ?? [];
    expect(JSON.parse(body)).toMatchObject({ code: 'misdirected', status: 421 });
  });
});
