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

it('docs/configuration.md has every option and variable that ws-gatekeeper --help has', () => {
  const bin = join(ROOT, 'dist/plugin/bin/ws-gatekeeper.js');
  const help = execFileSync(process.execPath, [bin, '--help'], { encoding: 'utf8' });
  const names = [...help.matchAll(/^ {2}(--[a-z-]+|[A-Z_]{3,})/gm)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(8);
  const documented = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');
  for (const name of names) expect(documented).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'));
});
