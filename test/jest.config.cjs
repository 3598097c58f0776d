/** @type {import('jest').Config} */
module.exports = {
  rootDir: '..',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/agents/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: {
    '^longhaul$': '<rootDir>/activities/define/index.ts',
    '^longhaul/(workflows|workers|client)$': '<rootDir>/$1/index.ts',
    '^longhaul/testing$': '<rootDir>/test/kit/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.longhaul'],
  // A test that starts servers on a shared machine may be slow; one that hangs still ends.
  testTimeout: 60_000,
  maxWorkers: 2,
  reporters: ['default', '<rootDir>/infra/build/count-reporter.cjs'],
};
