/** Live updates of the console: they come back after a refusal, and a pause stops every reading. */

import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, openPage } from '../../services/browser.ts';
import { startTwoReplicas } from '../../services/two-replicas.ts';
import { chromium } from './chromium.ts';

describe.skipIf(chromium === null)('live updates', () => {
  let browser: Browser;
  let url: string;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    const { one } = await startTwoReplicas({ AUTH: 'none' });
    await one.http
      .post('/tasks')
      .send({ id: 'any', schedule: { manual: true }, target: 'http://127.0.0.1:9/' })
      .expect(201);
    url = one.url;
  });

  test('come back after a proxy has refused the stream', async () => {
    const { page } = await openPage(browser);
    let refusals = 0;
    await page.route('**/stream', (route) => {
      refusals += 1;
      return refusals === 1 ? route.fulfill({ status: 502, body: '' }) : route.continue();
    });
    await page.goto(`${url}/console/tasks`);
    await page.getByText('Polling', { exact: true }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.context().close();
  });

  test('stop every reading of the home page while they are paused', async () => {
    const { page } = await openPage(browser);
    await page.clock.install();
    await page.goto(`${url}/console/`);
    await page.getByRole('button', { name: 'Pause live updates' }).click();
    await page.getByText('Paused', { exact: true }).waitFor();
    await page.waitForLoadState('networkidle');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.clock.runFor('05:00');
    await page.waitForLoadState('networkidle');
    expect(asked).toEqual([]);
    await page.getByRole('button', { name: 'Resume live updates' }).click();
    await page.waitForRequest((request) => request.url().includes('/stats'));
    await page.context().close();
  });
});
