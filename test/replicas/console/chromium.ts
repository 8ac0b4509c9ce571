/** The Chromium of these tests. Under REQUIRE_SERVICES=1 its absence is a failure. */

import { findChromium } from '../../services/browser.ts';
import { noPostgres } from '../../services/provided.ts';

/** Its path; null where these tests are skipped. */
export const chromium = noPostgres ? null : await findChromium();

if (chromium === null && process.env.REQUIRE_SERVICES === '1')
  throw new Error('REQUIRE_SERVICES=1, but no Chromium or no Postgres for the tests of the console');
