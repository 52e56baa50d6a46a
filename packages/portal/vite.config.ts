import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Builds the portal into its own dist/, from where the server hands it out under /. Everything is bundled: no CDN, no web fonts. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  build: {
    target: 'es2023',
    reportCompressedSize: false,
    // The size check reads from it what a first load takes.
    manifest: 'manifest.json',
    // A data: address would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // Whoever starts the server need not read the time that each plugin took.
      checks: { bundlerTimings: false },
      onLog(level, log, handle) {
        // "use client" in libraries means nothing to a bundler.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  server: { proxy: { '/graphql': { target: 'http://localhost:4000', ws: true }, '/session': 'http://localhost:4000' } },
  logLevel: 'warn',
});
