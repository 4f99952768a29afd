import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCommand } from '../../bench/command';

const folder = mkdtempSync(join(tmpdir(), 'ws-bench-command-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('a command is found in the first folder of PATH that has it as a program', async () => {
  const program = join(folder, 'gateway');
  writeFileSync(program, '');
  expect(await findCommand('gateway', `/nowhere:${folder}`)).toBeUndefined();
  chmodSync(program, 0o755);
  expect(await findCommand('gateway', `/nowhere:${folder}`)).toBe(program);
  expect(await findCommand('another', folder)).toBeUndefined();
});
