import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Builds the page into dist/graphiql, from where the server hands it out under /graphiql. Everything is bundled: no CDN, no web fonts. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/graphiql/',
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL('../../dist/graphiql', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    reportCompressedSize: false,
    // The code editor is one large chunk by nature.
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      // Whoever starts the server need not read the time that each plugin took.
      checks: { bundlerTimings: false },
      onLog(level, log, handle) {
        // React's compiler leaves "use no memo" in libraries; it means nothing to a bundler.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  worker: { format: 'es' },
  logLevel: 'warn',
});
