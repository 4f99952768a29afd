import eslint from '@eslint/js';
import jest from 'eslint-plugin-jest';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist/', 'node_modules/', 'coverage/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-imports': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  // Arrows run one way: plugin, sidecar and client know protocol only, the two programs stdio and redis as well (docs: the house).
  {
    files: ['protocol/**'],
    rules: noImportsFrom('redis', 'stdio', 'plugin', 'sidecar', 'client', 'dev', 'test', 'bench'),
  },
  {
    files: ['stdio/**'],
    rules: noImportsFrom('protocol', 'redis', 'plugin', 'sidecar', 'client', 'dev', 'test', 'bench'),
  },
  {
    files: ['redis/**'],
    rules: noImportsFrom('stdio', 'plugin', 'sidecar', 'client', 'dev', 'test', 'bench'),
  },
  { files: ['plugin/**'], rules: noImportsFrom('sidecar', 'client', 'dev', 'test', 'bench') },
  { files: ['sidecar/**'], rules: noImportsFrom('plugin', 'client', 'dev', 'test', 'bench') },
  {
    files: ['client/**'],
    rules: noImportsFrom('redis', 'stdio', 'plugin', 'sidecar', 'dev', 'test', 'bench'),
  },
  {
    files: ['dev/**', 'bench/**', 'kong-stand-in/**'],
    rules: { ...noImportsFrom('test'), 'no-console': 'off' },
  },
  {
    files: ['test/**/*.test.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: {
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', 'fc.assert'] }],
      'jest/no-conditional-expect': 'off',
    },
  },
);

/** @param {string[]} folders */
function noImportsFrom(...folders) {
  const patterns = [{ group: folders.map((folder) => `**/../${folder}/**`), message: 'arrows run one way' }];
  return { 'no-restricted-imports': ['error', { patterns }] };
}
