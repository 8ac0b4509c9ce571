/** The timeline of the console in a real browser: its marks lead to runs and tasks, its keys go along it. */

import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { launchChromium, openPage } from '../../services/browser.ts';
import { startTwoReplicas } from '../../services/two-replicas.ts';
import { startTarget } from '../../target.ts';
import { chromium } from './chromium.ts';

describe.skipIf(chromium === null)('on the timeline', () => {
  let browser: Browser;
  let url: string;
  let runId: string;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    const target = await startTarget();
    const { one } = await startTwoReplicas({ TARGET_DENY: 'none', AUTH: 'none' });
    url = `${one.url}/console/timeline`;
    await one.http
      .post('/tasks')
      .send({ id: 'hourly', schedule: { cron: '0 * * * *' }, target: target.url })
      .expect(201);
    runId = (await one.http.post('/tasks/hourly/trigger').send({}).expect(202)).body.id;
    await poll(async () => (await one.http.get(`/runs/${runId}`)).body.status === 'succeeded', {
      what: 'the run to succeed',
    });
  });

  test('a click on a bar opens the run, and one on an instant to come the task', async () => {
    const { page, faults } = await openPage(browser);
    await page.goto(url);
    await page.locator(`[data-run="${runId}"] rect`).click();
    await page.waitForURL(new RegExp(`/runs/${runId}$`));
    await page.goBack();
    await page.locator('svg a[href$="/tasks/hourly"] rect').last().click();
    await page.waitForURL(/\/tasks\/hourly$/);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('keys go along it and zoom, and the table tells the same', async () => {
    const { page, faults } = await openPage(browser);
    await page.goto(url);
    await page.getByRole('region', { name: /^Timeline: arrow keys/ }).focus();
    await page.keyboard.press('-');
    await page.waitForURL(/range=week/);
    await page.keyboard.press('ArrowRight');
    await page.waitForURL(/at=/);
    await page.keyboard.press('0');
    await page.waitForURL((now) => !now.searchParams.has('at'));
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.waitForURL(/range=day/);
    await page.getByRole('button', { name: 'Show as table' }).click();
    const table = page.getByRole('region', { name: 'Timeline as a table' });
    await table.getByText('due', { exact: true }).first().waitFor();
    await table
      .getByRole('row', { name: /succeeded/ })
      .getByRole('link')
      .first()
      .click();
    await page.waitForURL(new RegExp(`/runs/${runId}$`));
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
