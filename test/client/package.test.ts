import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FakeBridge } from './fake-bridge';
import { numbered } from './fixture';
import { serve } from './ws-server';

const run = promisify(execFile);
const root = join(__dirname, '../..');
/** For a compiler, or a packer, on a busy machine. */
const TIMEOUT_MS = 400_000;
let project: string;
let packed: string[];
let built: string;

// A project that has installed the packed package, and ws.
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'ws-bridge-client-'));
  const installed = join(project, 'node_modules/ws-bridge-client');
  await mkdir(installed, { recursive: true });
  built = (await run('node', ['build.mjs'], { cwd: join(root, 'client') })).stdout;
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const { stdout } = await run('npm', args, { cwd: join(root, 'client') });
  const archives = Object.values(
    JSON.parse(stdout) as Record<string, { filename: string; files: { path: string }[] }>,
  );
  const [archive] = archives;
  if (!archive) throw new Error('nothing was packed');
  packed = archive.files.map(({ path }) => path);
  await run('tar', ['-xzf', join(project, archive.filename), '--strip-components=1', '-C', installed]);
  await mkdir(join(project, 'node_modules/@types'));
  for (const name of ['ws', 'ai', 'react', 'react-dom', '@types/react', 'csstype'])
    await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name));
  await writeFile(join(project, 'package.json'), '{"type": "module"}');
}, TIMEOUT_MS);
afterAll(async () => {
  await rm(project, { recursive: true });
});

/** Checks main.ts of the project, as both kinds of modules. */
async function expectTypes(options: object = {}): Promise<void> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  for (const module of [{ module: 'nodenext' }, { module: 'esnext', moduleResolution: 'bundler' }]) {
    const strict = {
      strict: true,
      noEmit: true,
      types: [],
      target: 'es2022',
      lib: ['es2022', 'dom'],
      ...options,
    };
    const config = { compilerOptions: { ...strict, ...module }, files: ['main.ts'] };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config));
    const checked = await run('node', [tsc], { cwd: project }).catch((cause: unknown) => cause);
    expect(checked).toMatchObject({ stdout: '' });
  }
}

describe('the published package', () => {
  it('adds at most 6 KB to a bundle, minified and gzipped', () => {
    const [, gzipBytes] = /(\d+) gzip/.exec(built) ?? [];
    process.stdout.write(built);
    expect(Number(gzipBytes)).toBeGreaterThan(1_000);
    expect(Number(gzipBytes)).toBeLessThanOrEqual(6_144);
  });

  it('has no dependencies but React and the AI SDK for who uses them, and nothing but what was built, its licence and its README', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'client/package.json'), 'utf8')) as object;
    const optional = {
      peerDependencies: { ai: '^6.0.304 || ^7.0.138', react: '>=18' },
      peerDependenciesMeta: { ai: { optional: true }, react: { optional: true } },
    };
    const found = Object.entries(manifest).filter(([key]) => /dependencies/i.test(key));
    expect(Object.fromEntries(found)).toEqual(optional);
    const besides = packed.filter((path) => !path.startsWith('dist/'));
    expect(besides.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
  });

  it.each(['ws-bridge-client', 'ws-bridge-client/min'])(
    '%s runs on its own as an ES module',
    async (name) => {
      const bridge = new FakeBridge();
      const server = await serve(bridge);
      await writeFile(
        join(project, 'main.js'),
        `import { connect } from '${name}';
      import { WebSocket } from 'ws';
      const client = connect({ url: '${server.url}/ws/ai/chat', token: () => 'token', WebSocket });
      client.on('close', ({ code }) => console.log(client.session, code));
      client.on('state', (state) => state === 'open' && client.sendMessage('{"type":"message","id":"c1"}'));
      `,
      );
      const ended = run('node', ['main.js'], { cwd: project });
      while (bridge.taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
      for (const peer of bridge.peers) peer.close(4403, 'forbidden');
      expect((await ended).stdout).toBe('s1 4403\n');
      await server.stop();
    },
  );

  it('tells in Node how a handshake was refused, for which a browser has no code', async () => {
    const server = createServer().on('upgrade', (_, socket) => {
      socket.end('HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await writeFile(
      join(project, 'main.js'),
      `import { connect } from 'ws-bridge-client';
      import { WebSocket } from 'ws';
      const options = { token: () => 'token', WebSocket, fetch: () => Promise.reject(), maxAttempts: 1 };
      connect({ url: 'ws://127.0.0.1:${port}', ...options })
        .on('error', ({ status, retryAfterMs }) => console.log(status, retryAfterMs));
      `,
    );
    const { stdout } = await run('node', ['main.js'], { cwd: project });
    server.close();
    expect(stdout).toBe('429 7000\n');
    const forBrowsers = await readFile(join(project, 'node_modules/ws-bridge-client/dist/index.js'), 'utf8');
    expect(forBrowsers).not.toContain('unexpected-response');
  });

  it('ws-bridge-client/http is loaded without a browser, and has no client in it', async () => {
    const fallback = await readFile(join(project, 'node_modules/ws-bridge-client/dist/http.js'), 'utf8');
    expect(fallback).not.toContain('class BridgeClient');
    const script = `import { httpFallback } from 'ws-bridge-client/http';
      console.log(typeof httpFallback());`;
    await writeFile(join(project, 'fallback.js'), script);
    expect((await run('node', ['fallback.js'], { cwd: project })).stdout).toBe('function\n');
  });

  it.each(['ws-bridge-client/chat', 'ws-bridge-client/min'])(
    '%s asks, and its errors are those of the client',
    async (name) => {
      const bridge = new FakeBridge();
      const server = await serve(bridge);
      await writeFile(
        join(project, 'main.js'),
        `import { connectChat } from '${name}';
      import { BridgeClient, BridgeClientError } from '${name.replace('/chat', '')}';
      import { WebSocket } from 'ws';
      const client = connectChat({ url: '${server.url}/ws/ai/chat', token: () => 'token', WebSocket });
      try {
        for await (const token of client.ask('message')) console.log(token);
      } catch (error) {
        console.log(error.code, error instanceof BridgeClientError, client instanceof BridgeClient);
      }
      client.close();
      `,
      );
      const ended = run('node', ['main.js'], { cwd: project });
      while (bridge.taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
      bridge.publish(numbered(1));
      bridge.publish('{"type":"error","data":{"code":"QUERY_FAILED","message":"no"}}');
      expect((await ended).stdout).toBe('t1\nQUERY_FAILED true true\n');
      await server.stop();
      const chat = await readFile(join(project, 'node_modules/ws-bridge-client/dist/chat.js'), 'utf8');
      expect(chat).not.toContain('bearer.');
    },
  );

  it('ws-bridge-client/react has no second client in it, and renders on a server, where there is no connection', async () => {
    const hooks = await readFile(join(project, 'node_modules/ws-bridge-client/dist/react.js'), 'utf8');
    expect(hooks).toContain('from "ws-bridge-client"');
    expect(hooks).toContain('from "ws-bridge-client/chat"');
    expect(hooks).not.toContain('bearer.');
    await writeFile(
      join(project, 'main.js'),
      `import { createElement } from 'react';
      import { renderToString } from 'react-dom/server';
      import { useAnswer, useBridge, useLatest } from 'ws-bridge-client/react';
      const options = { url: 'wss://gateway.example', token: () => 'token' };
      const Page = () => {
        const { client, state } = useBridge(options);
        return [state, useAnswer(client).isRunning, useLatest(options).frame].join();
      };
      console.log(renderToString(createElement(Page)));
      `,
    );
    expect((await run('node', ['main.js'], { cwd: project })).stdout).toBe('connecting,false,\n');
  });

  it(
    'ws-bridge-client/ai-sdk is a transport by the types of the AI SDK, and has neither that nor a client in it',
    async () => {
      const transport = await readFile(join(project, 'node_modules/ws-bridge-client/dist/ai-sdk.js'), 'utf8');
      expect(transport).not.toMatch(/^import|class Answers/m);
      await writeFile(
        join(project, 'main.ts'),
        `import type { ChatTransport, UIMessage } from 'ai';
      import { BridgeChatTransport } from 'ws-bridge-client/ai-sdk';
      import { connectChat } from 'ws-bridge-client/chat';
      const client = connectChat({ url: 'wss://gateway.example', token: () => 'token', resume: 'oldest' });
      export const plain: ChatTransport<UIMessage> = new BridgeChatTransport(client);
      type Mine = UIMessage<{ by: string }, { complete: { sql: string } }>;
      export const own: ChatTransport<Mine> = new BridgeChatTransport<Mine>(client, {
        type: 'ask',
        dataOf: ({ messages, trigger }) => ({ trigger, by: messages.at(-1)?.metadata?.by }),
      });
      // @ts-expect-error: there is no such request
      new BridgeChatTransport(client, { dataOf: ({ nothing }) => nothing });
      `,
      );
      await expectTypes({ skipLibCheck: true });
    },
    TIMEOUT_MS,
  );

  it(
    'brings its types, for a browser and for Node',
    async () => {
      await writeFile(
        join(project, 'main.ts'),
        `import { connect, type GapReason } from 'ws-bridge-client';
      import { connectChat, type Tokens } from 'ws-bridge-client/chat';
      import { useAnswer, useBridge, useLatest } from 'ws-bridge-client/react';
      const client = connect({ url: 'wss://gateway.example', token: () => Promise.resolve('token'), WebSocket });
      client.on('gap', ({ reason }) => { const same: GapReason = reason; void same; });
      client.on('frame', (frame) => { if (frame.type === 'token') frame.data.token.trim(); });
      const chat = connectChat({ url: 'wss://gateway.example', token: () => 'token', isEnd: ({ done }) => done === true });
      const answer: Tokens = chat.ask('message', { text: '' });
      for await (const token of answer) token.trim();
      // @ts-expect-error: only a chat's client asks
      client.ask('message');
      // @ts-expect-error: no such event
      client.on('nothing', () => undefined);
      // Options that a program may or may not have: undefined is the default.
      declare const session: string | undefined, maxAttempts: number | undefined;
      connectChat({ url: 'wss://x', token: () => '', session, resume: undefined, maxAttempts, isEnd: undefined });
      const custom = connect<{ type: 'alert'; data: { level: number } }>({ url: 'wss://x', token: () => '' });
      custom.on('frame', (frame) => frame.data.level.toFixed());
      export function Page(): string {
        const options = { url: 'wss://x', token: () => '' };
        const { client } = useBridge(options, { onFrame: (frame) => frame.type.trim() });
        useLatest<{ type: 'alert'; data: { level: number } }>(options).frame?.data.level.toFixed();
        return useAnswer(client).text;
      }
      `,
      );
      await expectTypes();
      await expectTypes({ exactOptionalPropertyTypes: true });
    },
    TIMEOUT_MS,
  );
});
