import { defineConfig } from 'vitest/config';

/** The rules of the house alone: they need no database and no build. */
export default defineConfig({ test: { include: ['test/architecture/*.test.ts'] } });
