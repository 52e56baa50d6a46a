import base from '../../jest.config.js';

/** The portal in a real browser against the built server: `npm run test:browser`. It is no part of `npm test`. */
export default {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/tests/browser'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/tests/browser/support/start.js',
  globalTeardown: '<rootDir>/tests/browser/support/stop.js',
  setupFiles: [],
  maxWorkers: 2,
  // A walk through every page takes minutes on a busy machine; what one step may take is the visitor's own bound.
  testTimeout: 600_000,
};
