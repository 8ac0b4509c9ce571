/** Every page of the console in a real browser: it shows, reports no fault, and axe finds nothing in either theme. */

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { axeFindings, launchChromium, openPage } from '../../services/browser.ts';
import { startTwoReplicas } from '../../services/two-replicas.ts';
import { startTarget } from '../../target.ts';
import { chromium } from './chromium.ts';

describe.skipIf(chromium === null)('a page', () => {
  let browser: Browser;
  let url: string;
  let runId: string;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    const target = await startTarget();
    const { one } = await startTwoReplicas({ TARGET_DENY: 'none', AUTH: 'none' });
    url = one.url;
    const make = (task: object) => one.http.post('/tasks').send(task).expect(201);
    await make({ id: 'nightly', schedule: { cron: '30 2 * * *', timezone: 'Europe/Berlin' }, target: target.url });
    await make({ id: 'broken', schedule: { manual: true }, target: 'http://127.0.0.1:9/' });
    const { body } = await one.http.post('/tasks/broken/trigger').send({}).expect(202);
    runId = body.id;
    await poll(async () => (await one.http.get(`/runs/${runId}`)).body.status === 'failed', {
      what: 'the run to fail',
    });
  });
  afterAll(() => browser?.close());

  const addresses: [name: string, path: () => string, heading: RegExp][] = [
    ['Now', () => '/', /^Now$/],
    ['Tasks', () => '/tasks', /^Tasks$/],
    ['a task', () => '/tasks/nightly', /^nightly$/],
    ['what comes of a task', () => '/tasks/nightly?tab=upcoming', /^nightly$/],
    ['the definition of a task', () => '/tasks/nightly?tab=definition', /^nightly$/],
    ['New', () => '/new', /^New task$/],
    ['Edit', () => '/tasks/nightly/edit', /^Edit nightly$/],
    ['Edit as JSON', () => '/tasks/nightly/edit?as=json', /^Edit nightly$/],
    ['Runs', () => '/runs', /^Runs$/],
    ['a run', () => `/runs/${runId}`, /^Run of broken$/],
    ['Timeline', () => '/timeline', /^Timeline$/],
    ['Timeline of a week, of tasks that match', () => '/timeline?range=week&q=night', /^Timeline$/],
    ['Timeline without a task that matches', () => '/timeline?q=nothing-like-it', /^Timeline$/],
    ['Load', () => '/load', /^Load$/],
    ['Load by origin', () => '/load?by=origin', /^Load$/],
    ['Cluster', () => '/cluster', /^Cluster$/],
  ];

  test.each(addresses)('%s has no fault, in both themes and on a narrow screen', async (_name, path, heading) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, faults } = await openPage(browser, { colorScheme });
      await page.goto(`${url}/console${path()}`);
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
      await poll(async () => !/Loading [a-z ]+…/.test((await page.textContent('body')) ?? ''), {
        what: 'the page to be loaded',
      });
      expect(await axeFindings(page)).toEqual([]);
      await page.setViewportSize({ width: 360, height: 740 });
      const tooWide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      expect(tooWide).toBeLessThanOrEqual(0);
      expect(faults).toEqual([]);
      await page.context().close();
    }
  });
});
