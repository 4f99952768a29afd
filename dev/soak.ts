import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { argv, env, execPath, exit } from 'node:process';
import { Command, InvalidArgumentError } from 'commander';

const ROOT = join(__dirname, '../..');
const SECONDS_AN_HOUR = 3600;

function hours(text: string): number {
  const value = /^\d{1,3}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value === 0) throw new InvalidArgumentError('expected a number of hours above 0, such as 0.5');
  return value;
}

const { hours: asked } = new Command('soak')
  .description('breaks everything in turn for a long time, and holds that nothing grows (test/fault/soak)')
  .option('--hours <number>', 'how long; less than 0.5 judges no slopes', hours, 1)
  .addHelpText('after', 'CLIENTS, TENANTS, RATE and SEED are read as by npm run test:fault.')
  .parse(argv)
  .opts<{ hours: number }>();
const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
const args = ['--runInBand', '--testMatch', '**/test/fault/soak/*.soak.ts'];
const { status } = spawnSync(execPath, [jest, '--rootDir', ROOT, ...args], {
  cwd: ROOT,
  env: { ...env, SECONDS: String(Math.ceil(asked * SECONDS_AN_HOUR)) },
  stdio: 'inherit',
});
exit(status ?? 1);
