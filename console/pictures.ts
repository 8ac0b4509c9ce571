/**
 * Makes the pictures of docs/console.md: starts the service on a new embedded store with tasks that run, fail and wait,
 * and opens every page in Chromium. `npm run console:pictures`; they are looked at before they are committed.
 */

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const port = 8095;
const url = `http://127.0.0.1:${port}`;
const pictures = fileURLToPath(new URL('../docs/console/', import.meta.url));
const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** How long the tasks run before the pictures are made, in milliseconds: the counts are a minute behind. */
const historyMs = 100_000;

const pause = (ms: number) => new Promise<void>((resume) => setTimeout(resume, ms));

/** A target that answers after `ms` with `status`. */
async function startTarget() {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://target');
    setTimeout(
      () => {
        response.writeHead(Number(searchParams.get('status') ?? 200), { 'content-type': 'application/json' });
        response.end(JSON.stringify({ rows: 1_234, took: 'a moment' }));
      },
      Number(searchParams.get('ms') ?? 20),
    );
  });
  await new Promise<void>((resume) => server.listen(0, '127.0.0.1', resume));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function send(method: string, path: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

function tasksFor(target: string): object[] {
  const berlin = (cron: string) => ({ cron, timezone: 'Europe/Berlin' });
  const hourly = Array.from({ length: 24 }, (_, hour) => ({
    ...{ id: `rollup-${String(hour).padStart(2, '0')}`, labels: { team: 'data' } },
    ...{ schedule: `${(hour * 7) % 60} ${hour} * * *`, target: `${target}/rollup` },
  }));
  return [
    {
      ...{ id: 'nightly-report', name: 'Nightly report', labels: { team: 'billing' }, schedule: berlin('30 2 * * *') },
      ...{ description: 'Builds the report of the day before for billing.', target: { url: `${target}/report` } },
    },
    {
      id: 'sync-orders',
      name: 'Sync orders',
      labels: { team: 'shop' },
      schedule: '@every 2s',
      target: `${target}/orders?ms=90`,
    },
    {
      ...{ id: 'flaky-import', name: 'Flaky import', labels: { team: 'shop' }, schedule: '@every 10s' },
      ...{ retry: { maxAttempts: 2, minBackoff: '1s' }, target: `${target}/import?status=503` },
    },
    {
      ...{ id: 'send-invoices', name: 'Send invoices', labels: { team: 'billing' } },
      ...{ schedule: { cron: '*/15 8-18 * * MON-FRI', timezone: 'America/New_York' }, target: `${target}/invoices` },
    },
    {
      id: 'slow-export',
      name: 'Slow export',
      schedule: '@every 30s',
      timeout: '2m',
      target: `${target}/export?ms=24000`,
    },
    { id: 'warm-cache', name: 'Warm cache', schedule: '@every 1s', target: `${target}/cache` },
    { id: 'rebuild-index', name: 'Rebuild index', schedule: { manual: true }, target: `${target}/index` },
    ...hourly,
  ];
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-pictures-'));
  const target = await startTarget();
  const env = { PATH: process.env.PATH, PORT: String(port), DATA_DIR: join(folder, 'data'), TARGET_DENY: 'none' };
  const service = spawn(process.execPath, [program], { env, stdio: 'ignore' });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    while (
      !(await fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await pause(200);
    await picture('/tasks', 'empty');
    for (const task of tasksFor(target.url)) await send('POST', '/tasks', task);
    await pause(historyMs);
    const failed = (await (await fetch(`${url}/runs?task=flaky-import&status=failed&limit=1`)).json()) as {
      items: { id: string }[];
    };
    await picture('/', 'now');
    await picture('/', 'now-dark', 'dark');
    await picture('/tasks', 'tasks');
    await picture('/tasks/flaky-import', 'task');
    await picture('/tasks/nightly-report/edit', 'edit');
    await picture('/runs', 'runs');
    await picture(`/runs/${failed.items[0]?.id}`, 'run');
    await picture('/timeline', 'timeline');
    await picture('/load', 'load');
    await picture('/cluster', 'cluster');
  } finally {
    await browser.close();
    service.kill();
    target.server.close();
    await rm(folder, { recursive: true, force: true });
  }

  async function picture(path: string, name: string, colorScheme: 'light' | 'dark' = 'light'): Promise<void> {
    const context = await browser.newContext({
      viewport: { width: 1200, height: 760 },
      colorScheme,
      timezoneId: 'UTC',
    });
    const page = await context.newPage();
    await page.goto(`${url}/console${path}`);
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    // What it shows is asked for after the page is there.
    await pause(1_500);
    await page.screenshot({ path: join(pictures, `${name}.png`) });
    await context.close();
  }
}

await mkdir(pictures, { recursive: true });
await main();
