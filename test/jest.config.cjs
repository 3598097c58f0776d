/** @type {import('jest').Config} */
module.exports = {
  rootDir: '..',
  testEnvironment: '<rootDir>/test/environment.cjs',
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
    // It loads Node's http when it first sends, by `import()`, which jest's own module system cannot do.
    '/@opentelemetry/otlp-exporter-base/.+\\.js$': ['@swc/jest', { module: { type: 'commonjs' } }],
  },
  transformIgnorePatterns: ['/node_modules/(?!@opentelemetry/otlp-exporter-base/)'],
  moduleNameMapper: {
    '^longhaul$': '<rootDir>/activities/define/index.ts',
    '^longhaul/(workflows|workers|client)$': '<rootDir>/$1/index.ts',
    '^longhaul/testing$': '<rootDir>/test/kit/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.longhaul'],
  // A test that starts servers on a shared machine may be slow; one that hangs still ends.
  testTimeout: 60_000,
  // Of two cores: a test waits for servers half of its time.
  maxWorkers: 3,
  // Modules of ended test files stay in memory: a process that is nearly full spends its time collecting, and a test of 6 s takes two minutes.
  workerIdleMemoryLimit: '700MB',
  reporters: ['default', '<rootDir>/infra/build/count-reporter.cjs'],
};
