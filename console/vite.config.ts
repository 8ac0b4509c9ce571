/** How the console is built: relative links, for it may lie below any path prefix, and compressed copies of its files. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const outDir = fileURLToPath(new URL('../dist/console', import.meta.url));
/** Below this a compressed copy saves nothing. */
const leastBytes = 1024;

/** Writes a gzip and a brotli copy beside each asset, so that the service compresses nothing. */
function compressedCopies(): Plugin {
  return {
    name: 'compressed-copies',
    apply: 'build',
    async closeBundle() {
      const folder = `${outDir}/assets`;
      for (const name of await readdir(folder)) {
        const bytes = await readFile(`${folder}/${name}`);
        if (bytes.length < leastBytes) continue;
        await writeFile(`${folder}/${name}.gz`, await promisify(gzip)(bytes, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        await writeFile(`${folder}/${name}.br`, await promisify(brotliCompress)(bytes, { params }));
      }
    },
  };
}

// Tests build it too: what is built is what runs in production, whatever this process is.
process.env.NODE_ENV = 'production';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [react(), compressedCopies()],
  build: { outDir, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
