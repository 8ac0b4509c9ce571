/** The console with many tasks, and across a change of the clock. */

import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, openPage } from '../../services/browser.ts';
import { startTwoReplicas } from '../../services/two-replicas.ts';
import { chromium } from './chromium.ts';

const count = 10_000;

describe.skipIf(chromium === null)('the list of tasks', () => {
  let browser: Browser;
  let replicas: Awaited<ReturnType<typeof startTwoReplicas>>;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    replicas = await startTwoReplicas({ AUTH: 'none' });
    const idOf = (place: number) => `task-${String(place).padStart(5, '0')}`;
    for (let first = 0; first < count; first += 1_000) {
      const items = Array.from({ length: 1_000 }, (_, place) => ({
        ...{ id: idOf(first + place), schedule: { cron: '30 2 * * *', timezone: 'Europe/Berlin' } },
        target: 'http://127.0.0.1:9/',
      }));
      await replicas.one.http.post('/tasks/batch').send({ items }).expect(200);
    }
  }, 120_000);

  test('of ten thousand is scrolled to its end with few rows in the page', async () => {
    const { page, faults } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks`);
    await page.getByRole('link', { name: 'task-00000' }).waitFor();
    const last = page.getByRole('link', { name: 'task-09999' });
    for (let screens = 0; screens < 400 && (await last.count()) === 0; screens++) {
      await page.mouse.wheel(0, 20_000);
      await page.evaluate('new Promise((resume) => requestAnimationFrame(() => resume()))');
      expect(await page.getByRole('listitem').count()).toBeLessThan(80);
    }
    await last.waitFor();
    await page.getByText('10000 tasks', { exact: true }).waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  }, 90_000);

  test('and a search in it finds one', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks`);
    await page.getByLabel('Search').fill('task-04711');
    await page.getByText('1 task', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'task-04711' }).waitFor();
    await page.context().close();
  });

  test('the instants of a task are marked where the clock is put back', async () => {
    const { page } = await openPage(browser, { timezoneId: 'America/New_York' });
    // The evening before the clocks of Berlin are put back.
    await page.clock.setFixedTime(new Date('2031-10-25T12:00:00Z'));
    await page.goto(`${replicas.one.url}/console/new`);
    await page.route('**/schedules/preview', async (route) => {
      const body = { ...route.request().postDataJSON(), from: '2031-10-25T12:00:00Z' };
      await route.continue({ postData: JSON.stringify(body) });
    });
    await page.getByLabel('Schedule').fill('30 2 * * *');
    await page.getByLabel('Time zone').fill('Europe/Berlin');
    const preview = page.getByRole('region', { name: 'Preview' });
    await preview.getByText(/Sun 26 Oct, 02:30:00/).waitFor();
    await preview.getByText('the clock is put back by 60 min before this').waitFor();
    await preview.getByRole('columnheader', { name: 'In Europe/Berlin' }).waitFor();
    await preview.getByRole('columnheader', { name: 'Here (America/New_York)' }).waitFor();
    await page.context().close();
  });
});
