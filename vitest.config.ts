import { defineConfig } from 'vitest/config';

const chaos = 'test/chaos/short.test.ts';

export default defineConfig({
  test: {
    globalSetup: 'test/services/global-setup.ts',
    reporters: ['default', './test/services/summary-reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Starting Postgres apart, everything is torn down by its guard; do not wait long for what hangs.
    teardownTimeout: 20_000,
    projects: [
      { test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: ['**/node_modules/**', chaos], ...common() } },
      // By itself, after everything else: it judges how late runs are.
      { test: { name: 'chaos', include: [chaos], ...common(), sequence: { groupOrder: 1 } } },
    ],
  },
});

function common() {
  return { setupFiles: 'test/services/file-end.ts', testTimeout: 30_000, hookTimeout: 60_000 };
}
