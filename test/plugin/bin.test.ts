import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ASSERTION_SECRET, signToken, TOKEN_SECRET } from './fixture';

const SECRETS = { JWT_SECRET: TOKEN_SECRET, ASSERTION_SECRET, REDIS_URL: 'redis://127.0.0.1:1' };
const BIN = join(__dirname, '../../dist/plugin/bin/ws-gatekeeper.js');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  writeFileSync(join(folder, 'kong.yml'), "services: [{ routes: [{ paths: ['~/ws/(chat'] }] }]");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function run(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [BIN, ...args], { cwd: folder }).then(
    (output) => ({ ...output, code: 0 }),
    (cause: unknown) => cause as { code: number; stdout: string; stderr: string },
  );
}

describe('ws-gatekeeper', () => {
  it.each([
    ['a command that there is not', ['verfy'], 2, /^error: unknown command 'verfy', expected verify\n$/],
    [
      'a path with a query',
      ['verify', 'a.b.c', '--path', '/ws/ai/chat?session=a'],
      2,
      /--path .*without a query/,
    ],
    [
      'a path without a slash',
      ['verify', 'a.b.c', '--path', 'ws/ai/chat'],
      2,
      /--path .*Expected a path like/,
    ],
    [
      'a route whose regular expression cannot be read',
      ['verify', 'a.b.c'],
      2,
      /^ws-gatekeeper: kong\.yml: route path ~\/ws\/\(chat: expected a regular expression\n$/,
    ],
  ])('says what is wrong with %s in one line', async (_, args, code, message) => {
    const result = await run(...args);
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    expect(result.stderr.trimEnd()).not.toContain('\n');
  });

  it.each(['--socket', '--plugin-info-file'])('says that the folder of %s is missing', async (option) => {
    const paths = { '--socket': join(folder, 'gk.sock'), [option]: join(folder, 'nowhere/file') };
    const { code, stdout } = await run(...Object.entries(paths).flat());
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      {
        msg: 'ws-gatekeeper cannot start',
        reason: expect.stringMatching(/nowhere\/file: expected the folder .*\/nowhere to be there/),
      },
    ]);
  });

  it('tells a token that would be refused from a command line that cannot be used', async () => {
    const kongYml = join(__dirname, '../../kong.yml');
    const env = { ...SECRETS, PATH: process.env['PATH'] };
    const verified = async (...args: readonly string[]) => {
      const child = spawn(process.execPath, [BIN, 'verify', ...args], { cwd: folder, env, stdio: 'pipe' });
      child.stdin.end(`"Bearer ${await freshToken()}"\n`);
      const [closed, stdout] = await Promise.all([once(child, 'close'), text(child.stdout)]);
      return [closed[0] as number, stdout.split('\n')[0]] as const;
    };
    const config = ['--config', kongYml];
    expect(await verified('-', ...config)).toEqual([0, 'admitted']);
    expect(await verified(`bearer ${await freshToken()}`, ...config)).toEqual([0, 'admitted']);
    expect(await verified('a.b.c', ...config)).toEqual([1, expect.stringMatching(/^refused: 401 /)]);
    for (const wrong of [[], ['', ...config], ['a.b.c', '--nonsense'], ['a.b.c', '--config', 'nowhere.yml']])
      expect(await verified(...wrong)).toEqual([2, '']);
  });

  it.each([
    ['--help'],
    ['--version'],
    ['--plugin-info'],
    ['--lua-schema'],
    ['verify --help'],
    ['verify a.b.c'],
  ])('ends quietly when nobody reads what %s prints', async (line) => {
    const child = started(line.split(' '));
    child.stdout?.destroy();
    const [said, closed] = await Promise.all([text(child.stderr ?? process.stdin), once(child, 'close')]);
    expect([said, closed[0] as number]).toEqual(line === 'verify a.b.c' ? [expect.any(String), 2] : ['', 0]);
  });

  it('warns of a variable that it does not read, and refuses a value that one may not have', async () => {
    const child = started(['--socket', join(folder, 'w.sock')], { GATEKEEPER_LOGLEVEL: 'info' });
    const lines: { readonly msg: string }[] = [];
    for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
      lines.push(JSON.parse(line) as (typeof lines)[number]);
      // From here on a signal ends it gently.
      if (lines.at(-1)?.msg === 'listening') break;
    }
    expect(lines[0]).toMatchObject({
      level: 40,
      variable: 'GATEKEEPER_LOGLEVEL',
      nearest: 'GATEKEEPER_LOG_LEVEL',
    });
    child.kill();
    expect(await once(child, 'exit')).toEqual([0, null]);
    const loud = started(['--socket', join(folder, 'w.sock')], { GATEKEEPER_LOG_LEVEL: 'loud' });
    expect(await firstLine(loud)).toMatchObject({
      level: 60,
      reason:
        'GATEKEEPER_LOG_LEVEL: expected one of silent, fatal, error, warn, info, debug, trace, got "loud"',
    });
    const many = started(['--socket', join(folder, 'w.sock')], { GATEKEEPER_MAX_REFUSED_ADDRESSES: 'many' });
    expect(await firstLine(many)).toMatchObject({
      level: 60,
      reason: 'GATEKEEPER_MAX_REFUSED_ADDRESSES: expected a whole number from 1 to 10000000, got "many"',
    });
  });

  it('is not healthy while it hangs, though the kernel accepts for it', async () => {
    const socket = join(folder, 'hanging.sock');
    const child = started(['--socket', socket]);
    expect(await firstLine(child)).toMatchObject({ msg: 'listening' });
    child.kill('SIGSTOP');
    expect(await run('--health-check', '--socket', socket)).toMatchObject({ code: 1 });
    child.kill('SIGCONT');
    expect(await run('--health-check', '--socket', socket)).toMatchObject({ code: 0 });
    child.kill();
    await once(child, 'exit');
  });

  it('goes on when nobody reads its log any more, and ends when it is told to', async () => {
    const socket = join(folder, 'closed.sock');
    const child = started(['--socket', socket]);
    expect(await firstLine(child)).toMatchObject({ msg: 'listening' });
    child.stdout?.destroy();
    expect(await run('--health-check', '--socket', socket)).toMatchObject({ code: 0 });
    child.kill();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

function freshToken(): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return signToken({ iat: now, exp: now + 600 });
}

function started(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
}

async function firstLine(child: ChildProcess): Promise<unknown> {
  const [line] = (await once(createInterface({ input: child.stdout ?? process.stdin }), 'line')) as [string];
  return JSON.parse(line) as unknown;
}
