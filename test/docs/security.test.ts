import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(__dirname, '../..');
const text = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
const rows = text
  .slice(text.indexOf('## Threats'), text.indexOf('## A forged'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (Threat|-+) /.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, threat = '', , tests = '']) => [threat, tests] as const);

describe("SECURITY.md's threats", () => {
  it('are a table', () => {
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(rows)('%s: has tests that there are, with the titles that are named', (_, tests) => {
    const named = [...tests.matchAll(/`([^`]+)`((?:[, ]*"[^"]*")*)/g)];
    expect(named.length).toBeGreaterThan(0);
    for (const [, file = '', titles = ''] of named) {
      expect(file).toMatch(/^test\/.+\.test\.ts$/);
      expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
      const source = readFileSync(join(ROOT, file), 'utf8');
      for (const [, title = ''] of titles.matchAll(/"([^"]*)"/g)) expect(source).toContain(`'${title}'`);
    }
  });
});
