import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/services/global-setup.ts',
    setupFiles: 'test/services/file-end.ts',
    reporters: ['default', './test/services/summary-reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Starting Postgres apart, everything is torn down by its guard; do not wait long for what hangs.
    teardownTimeout: 20_000,
  },
});
