/** Compiles the tests and what they import from src, one file at a time; types are `npm run check`'s business. */
const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    // As tsconfig.json: legacy decorators, no emitted metadata, fields assigned rather than defined.
    transform: { legacyDecorator: true, decoratorMetadata: false, useDefineForClassFields: false },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/tests/support/environment.js',
  // The sources of our own packages, so that no test runs against an old build of them.
  testEnvironmentOptions: { customExportConditions: ['@tollgate/source', 'node', 'node-addons'] },
  roots: ['<rootDir>/tests', '<rootDir>/packages'],
  // They need a browser and a server: npm run test:browser.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/tests/browser/'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', swc] },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/packages/[^/]+/dist/', '<rootDir>/\\.tollgate/'],
  watchPathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/packages/[^/]+/dist/', '<rootDir>/\\.tollgate/'],
  globalSetup: '<rootDir>/tests/support/global-setup.js',
  globalTeardown: '<rootDir>/tests/support/global-teardown.js',
  setupFiles: ['<rootDir>/tests/support/setup-file.js'],
  maxWorkers: 2,
  // Modules that are loaded as ESM stay in a worker's memory after their file is done: a worker begins anew before that is much.
  workerIdleMemoryLimit: '2GB',
  // A bound for what hangs, far above what any test needs: no result depends on the speed of the machine.
  testTimeout: 120_000,
};
