import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const ROOT = join(__dirname, '../..');

it('docs/configuration.md says what the schemas say (npm run docs writes it)', () => {
  // In a process of its own: prettier's loader needs what jest's sandbox does not give.
  const script = `require('./dist/dev/configuration-doc.js').configurationDoc().then((text) => process.stdout.write(text))`;
  const made = execFileSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8' });
  expect(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')).toBe(made);
});
