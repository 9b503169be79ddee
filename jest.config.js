const project = name => ({
  displayName: name,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^@outrider/sdk$': '<rootDir>/sdk/src/index.ts',
    '^@outrider/sdk/(proto|testing)$': '<rootDir>/sdk/src/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
});

export default {
  projects: ['unit', 'integration', 'native', 'interop', 'faults'].map(project),
  reporters: ['default', '<rootDir>/test/support/closing-line.js'],
  maxWorkers: 1,
  coverageProvider: 'v8',
};
