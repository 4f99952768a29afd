import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startRedis, type RedisServer } from '../fakes/redis-server';

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
/** For a compiler, or a packer, on a busy machine. */
const TIMEOUT_MS = 400_000;
let project: string;
let packed: readonly string[];
let redis: RedisServer;

// An empty project that has installed the packed package, and ioredis.
beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'ws-bridge-service-'));
  const source = join(project, 'service');
  const installed = join(project, 'node_modules/ws-bridge-service');
  for (const folder of [source, installed]) mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', 'README.md', 'LICENSE'])
    cpSync(join(ROOT, 'service', name), join(source, name));
  await run('node', ['service/build.mjs', '--outdir', join(source, 'dist')], { cwd: ROOT });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const { stdout } = await run('npm', args, { cwd: source });
  const archives = JSON.parse(stdout) as Record<string, { filename: string; files: { path: string }[] }>;
  const [archive] = Object.values(archives);
  if (archive === undefined) throw new Error('nothing was packed');
  packed = archive.files.map(({ path }) => path);
  await run('tar', ['-xzf', join(project, archive.filename), '--strip-components=1', '-C', installed]);
  for (const name of ['ioredis', '@types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  redis = await startRedis();
}, TIMEOUT_MS);
afterAll(async () => {
  await redis.stop();
  rmSync(project, { recursive: true });
});

const USE = `
const redis = new Redis('URL');
const service = connectService({ redis });
const group = connectService({ redis, group: 'ai' });
group.answer('ask', async function* () {});
service.notify('acme', { user: 'ana' }, {}).then(async (heard) => {
  console.log(heard, escapeSegment('a:b'));
  await group.close();
  redis.disconnect();
});
`;

describe('the published package', () => {
  it('holds what was built of it and of the protocol, its licence and its README', () => {
    const besides = packed.filter(
      (path) => !/^dist\/types\/(service\/src|protocol)\/[\w/-]+\.d\.ts$/.test(path),
    );
    expect(besides.sort()).toEqual([
      'LICENSE',
      'README.md',
      'dist/begin.lua',
      'dist/cancel.lua',
      'dist/end.lua',
      'dist/give-back.lua',
      'dist/index.js',
      'dist/index.js.map',
      'dist/publish.lua',
      'dist/read-past.lua',
      'dist/take-over.lua',
      'package.json',
    ]);
    expect(packed.filter((path) => path.includes('/protocol/'))).toEqual([
      'dist/types/protocol/channels.d.ts',
      'dist/types/protocol/frames.d.ts',
    ]);
  });

  it('has no dependency but its peer, of the version that is tested here', () => {
    const read = (path: string) =>
      JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Record<string, Record<string, string>>;
    const manifest = read('service/package.json');
    expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual(['peerDependencies']);
    expect(manifest['peerDependencies']).toEqual({
      ioredis: `^${read('package.json')['dependencies']?.['ioredis']}`,
    });
  });

  it.each([
    [
      'main.mjs',
      `import { Redis } from 'ioredis'; import { connectService, escapeSegment } from 'ws-bridge-service';`,
    ],
    [
      'main.cjs',
      `const { Redis } = require('ioredis'); const { connectService, escapeSegment } = require('ws-bridge-service');`,
    ],
  ])('runs in an empty project, from %s', async (name, imports) => {
    writeFileSync(join(project, name), imports + USE.replace('URL', redis.url));
    expect(await run('node', [name], { cwd: project })).toEqual({ stdout: '0 a%3Ab\n', stderr: '' });
  });

  it(
    'brings its types, for both kinds of modules',
    async () => {
      const text = `import { Redis, Cluster } from 'ioredis';
      import { connectService, token, type DataFrame, type Service } from 'ws-bridge-service';
      const service: Service = connectService({ redis: new Redis(), prefix: 'staging:' });
      connectService({ redis: new Cluster([]), prefix: process.env['PREFIX'], onFault: undefined });
      void service.dashboard('acme', 'sales').refresh({ orders: 1 }).then((heard) => heard.toFixed());
      void service.revoke({ jti: 't1', exp: 1 });
      void service.revoke({ tenant: 'acme', user: 'ana', path: '/ws/bi/dashboards/7' });
      service.answer<{ question: string }>('ask', async function* ({ data, id }, { signal }) {
        yield token(data.question.trim() + id?.length + signal.aborted);
        return { sql: 'SELECT 1', chartConfig: {} };
      }, { delivery: 'atLeastOnce' });
      service.answer('tell', async function* () { yield { type: 'status', data: {} }; });
      const frame: DataFrame = { type: 'token', data: { token: 'a', index: 0 } };
      void service.close({ timeoutMs: 1 }).then(() => frame.type.trim());
      // @ts-expect-error: the blacklist forgets a token at its exp
      void service.revoke({ jti: 't1' });
      `;
      for (const name of ['main.mts', 'main.cts']) writeFileSync(join(project, name), text);
      const compilerOptions = {
        ...{
          strict: true,
          noEmit: true,
          types: ['node'],
          target: 'es2022',
          module: 'nodenext',
          skipLibCheck: true,
          exactOptionalPropertyTypes: true,
        },
      };
      const config = { compilerOptions, files: ['main.mts', 'main.cts'] };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const checked = await run('node', [tsc], { cwd: project }).catch((cause: unknown) => cause);
      expect(checked).toMatchObject({ stdout: '' });
    },
    TIMEOUT_MS,
  );
});
