/** The load of the console in a real browser: its map by keyboard, its groups, its table, its peaks. */

import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, openPage } from '../../services/browser.ts';
import { startTwoReplicas } from '../../services/two-replicas.ts';
import { chromium } from './chromium.ts';

describe.skipIf(chromium === null)('the load', () => {
  let browser: Browser;
  let url: string;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    const { one } = await startTwoReplicas({ TARGET_DENY: 'none', AUTH: 'none' });
    url = `${one.url}/console/load`;
    for (const [id, team] of ['billing', 'data'].entries()) {
      const schedule = { cron: '0 * * * *' };
      await one.http
        .post('/tasks')
        .send({ id: `t${id}`, labels: { team }, schedule, target: 'http://127.0.0.1:9/' })
        .expect(201);
    }
  });

  test('is told by minute, by group and by task', async () => {
    const { page, faults } = await openPage(browser);
    await page.goto(url);
    // Right after a full hour, that hour is over for tasks that are new: 46 instead of 48.
    const total = page.getByRole('heading', { name: /^4[68] fires in the next 24 hours/ });
    const half = Number.parseInt((await total.textContent()) ?? '', 10) / 2;
    await page.getByRole('region', { name: /^Fires per minute: arrow keys/ }).focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('status').getByText(/UTC/).waitFor();
    await page.getByLabel('Group by').selectOption('label');
    await page.getByRole('textbox', { name: 'Label' }).fill('team');
    await page.getByRole('button', { name: 'Show alone: billing' }).click();
    await page.waitForURL(/by=label%3Ateam&key=%3Dbilling/);
    await page.getByRole('heading', { name: `${half} fires in the next 24 hours` }).waitFor();
    await page.getByRole('button', { name: 'Show as table' }).click();
    await page.getByRole('region', { name: 'Fires per minute as a table' }).getByRole('row').nth(half).waitFor();
    await page.getByRole('region', { name: 'The fullest minutes' }).getByRole('link', { name: 't1' }).first().click();
    await page.waitForURL(/\/tasks\/t1$/);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
