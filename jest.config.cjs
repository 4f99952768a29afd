const { env } = require('node:process');

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.(ts|js|mjs)$': ['@swc/jest', { jsc: { target: 'es2023' }, module: { type: 'commonjs' } }],
  },
  // jose is ES modules only; jest's own registry loads CommonJS.
  transformIgnorePatterns: ['/node_modules/(?!jose/)'],
  // These build the Dockerfile's images: npm run test:kong.
  testPathIgnorePatterns: env.GATEWAY === 'kong' ? [] : ['/test/e2e/images/'],
  // Its dist/ is built anew by its own test while others run.
  moduleNameMapper: {
    '^ws-bridge-client$': '<rootDir>/client/src/index.ts',
    '^ws-bridge-client/(.*)$': '<rootDir>/client/src/$1.ts',
  },
  testTimeout: 30_000,
  testSequencer: '<rootDir>/dev/slowest-first.cjs',
  // Many files wait in real time for processes of their own: on two cores two more workers go on meanwhile.
  maxWorkers: 4,
  // Not half a second: the end of a process with a large heap takes longer on a busy machine, and reads as a leak.
  workerGracefulExitTimeout: 10_000,
};
