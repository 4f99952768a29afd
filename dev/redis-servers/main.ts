import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, env, execPath, exit, stderr, stdout } from 'node:process';
import { failuresOf, rowOf, TITLES, type JestResult } from './result';
import { findServer, NoServer, type Server } from './server';

const ROOT = join(__dirname, '../../..');
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');
/** Every test that starts a Redis imports the first, directly or not, but for the other, which starts a jest of its own. */
const STARTS_REDIS = ['test/fakes/redis-process.ts', 'test/fault/silent-redis.test.ts'].map((file) =>
  join(ROOT, file),
);
const USAGE =
  'usage: npm run test:redis -- SERVER…, each the path of a program, or an image such as valkey/valkey:8';

/** Runs every test that starts a Redis against a server. */
function testAgainst({ path }: Server, folder: string): JestResult {
  const file = join(folder, 'result.json');
  const args = [
    JEST,
    '--rootDir',
    ROOT,
    '--json',
    '--outputFile',
    file,
    // A test that failed may have left something open, and the next server waits.
    '--forceExit',
    '--findRelatedTests',
    ...STARTS_REDIS,
  ];
  spawnSync(execPath, args, {
    cwd: ROOT,
    env: { ...env, REDIS_SERVER: path },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return JSON.parse(readFileSync(file, 'utf8')) as JestResult;
}

/** @returns whether all tests passed against all servers */
function run(servers: readonly string[], folder: string): boolean {
  const rows: string[] = [];
  const failures: string[] = [];
  for (const [index, where] of servers.entries()) {
    const own = mkdtempSync(join(folder, `${index}-`));
    const server = findServer(where, own);
    stdout.write(`${server.name} (${where})\n`);
    const result = testAgainst(server, own);
    rows.push(rowOf(server.name, result));
    failures.push(
      ...failuresOf(result).map((failure) => `${server.name}: ${failure.replace(`${ROOT}/`, '')}`),
    );
  }
  stdout.write([...TITLES, ...rows, ''].join('\n'));
  for (const failure of failures) stdout.write(`failed: ${failure}\n`);
  return failures.length === 0;
}

function main(servers: readonly string[]): number {
  if (servers.length === 0) {
    stderr.write(`expected a server; ${USAGE}\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'redis-servers-'));
  try {
    return run(servers, folder) ? 0 : 1;
  } catch (cause) {
    if (!(cause instanceof NoServer)) throw cause;
    stderr.write(`${cause.message}; ${USAGE}\n`);
    return 2;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

exit(main(argv.slice(2)));
