import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/store/schema.ts', './src/store/events/schema.ts', './src/store/limits/schema.ts'],
  out: './migrations',
});
