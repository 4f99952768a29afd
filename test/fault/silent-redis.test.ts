import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
/** Inside, only loopback exists, and packets can be dropped without anybody else's noticing. */
const INSIDE = ['--map-root-user', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
/** Inside tests take as long as this at most. */
const TIMEOUT_MS = 900_000;

const tried = spawnSync(
  'unshare',
  [...INSIDE, 'iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '1', '-j', 'DROP'],
  { encoding: 'utf8' },
);
const cannot =
  tried.status === 0 ? undefined : `${tried.error?.message ?? ''} ${tried.stderr}`.trim().split('\n')[0];
if (cannot !== undefined && process.env['NETNS'] === 'required') {
  throw new Error(`no network namespace in which packets can be dropped: ${cannot}`);
}

const WHERE =
  cannot === undefined
    ? 'in a network namespace of its own'
    : `(skipped: wants Linux with util-linux, iproute2, iptables, and root or user namespaces: ${cannot})`;

const itWhereItCan = cannot === undefined ? it : it.skip;

itWhereItCan(
  `connections to Redis whose packets are dropped, ${WHERE}: given up, opened anew, no frame is lost silently`,
  async () => {
    const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
    // A test that fails may leave what would keep it from ending.
    const options = ['--runInBand', '--verbose', '--forceExit', '--testMatch', '**/test/fault/*.netns.ts'];
    const child = spawn('unshare', [...INSIDE, process.execPath, jest, ...options], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const killAtExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killAtExit);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
    process.stdout.write(`${out}${said}`);
    const failed = said.split(/^(?= {2}● )/m).slice(1);
    if ((await ended) !== 0) throw new Error(`inside:\n${failed.join('') || said}`);
    // eslint-disable-next-line jest/no-standalone-expect
    expect(said).toMatch(/^Tests: +\d+ passed, \d+ total$/m);
    process.off('exit', killAtExit);
  },
  TIMEOUT_MS,
);
