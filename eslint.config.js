import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import jest from 'eslint-plugin-jest';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** Holds the one-way imports of docs/architecture.md: `files` may not import what `group` matches. */
const keepOut = (files, group) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ group }] }] },
});
const grpc = ['nice-grpc*', '@grpc/*'];
const native = ['koffi', 'node-llama-cpp'];

export default defineConfig(
  { ignores: ['**/dist/**', '**/gen/**', 'coverage/**', '.cache/**'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
  },
  {
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
      ],
      'max-lines': ['warn', { max: 300, skipBlankLines: true, skipComments: true }],
    },
  },
  keepOut(['server/src/cli/**'], ['**/engine/**', '**/registry/**', ...native]),
  keepOut(
    ['server/src/observability/**'],
    ['**/cli/**', '**/rpc/**', '**/llama/**', '**/thread/**', '@grpc/*', ...native],
  ),
  keepOut(['server/src/rpc/**'], ['**/cli/**', '**/llama/**', '**/thread/**', ...native]),
  keepOut(
    ['server/src/state/**'],
    ['**/cli/**', '**/rpc/**', '**/observability/**', '**/engine/**', ...grpc, ...native],
  ),
  keepOut(
    ['server/src/registry/**'],
    [
      '**/cli/**',
      '**/rpc/**',
      '**/observability/**',
      '**/state/**',
      '**/llama/**',
      '**/thread/**',
      ...grpc,
      ...native,
    ],
  ),
  keepOut(['server/src/engine/*.ts'], ['**/cli/**', '**/rpc/**', '**/registry/**', ...grpc]),
  keepOut(
    ['server/src/engine/thread/**'],
    ['**/cli/**', '**/rpc/**', '**/registry/**', ...grpc, ...native],
  ),
  keepOut(
    ['server/src/engine/llama/**'],
    [
      '**/cli/**',
      '**/rpc/**',
      '**/registry/**',
      '**/thread/**',
      '**/sampling/**',
      '**/drafts/**',
      '**/pace/**',
      ...grpc,
    ],
  ),
  keepOut(
    ['server/src/engine/{sampling,pace,drafts,stats}/**', 'server/src/engine/stats.ts'],
    ['**/llama/**', '**/thread/**', '**/rpc/**', '**/registry/**', 'node:*', ...grpc, ...native],
  ),
  keepOut(['sdk/src/**'], ['@outrider/server', '**/server/**', ...native]),
  {
    files: ['test/**/*.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: globals.node },
    rules: { 'no-restricted-syntax': 'off' },
  },
);
