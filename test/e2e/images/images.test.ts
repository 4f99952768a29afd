import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getContainerRuntimeClient, Wait } from 'testcontainers';
import { attempt, Client, open, refused, token } from '../client';
import { startLoad } from '../load';
import { requireNoSecrets } from '../stack';
import { buildImage, startImageStack, type ImageStack } from './image-stack';
import { installedOnServers } from './installed-on-servers';

let stack: ImageStack;
beforeAll(async () => {
  stack = await startImageStack();
}, 900_000);
afterAll(async () => {
  requireNoSecrets((await stack.logs()).split('\n'));
  await stack.stop();
}, 60_000);

const path = '/ws/notifications';

/** Kong's image has no pkill. */
const KILL_EVERY_NODE =
  'for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" != /usr/local/bin/node ] || kill -9 ${p#/proc/}; done';

/** A connection that Kong closes without an answer, as a worker does that a reload ends, admits nobody. */
async function admitted(bearer: string): Promise<boolean> {
  const result = await attempt(stack, path, bearer).catch(() => undefined);
  if (!(result instanceof Client)) return false;
  await result.close();
  return true;
}

describe("Kong's image with the gatekeeper inside", () => {
  it('admits a good token, and refuses none and a bad one', async () => {
    const client = await open(stack, path, await token());
    await stack.redis.publish('acme:notifications', 'for you');
    expect(await client.text()).toBe('for you');
    await client.close();
    expect((await refused(stack, path)).status).toBe(401);
    expect((await refused(stack, path, await token({ aud: 'another' }))).status).toBe(401);
  });

  it('passes the environment that KONG_NGINX_MAIN_ENV names, and its log to the log of Kong', async () => {
    await (await open(stack, path, await token())).close();
    expect(await stack.logs()).toMatch(/\[gatekeeper:\d+\] .*"msg":"admitted"/);
  });

  it('refuses no good upgrade and admits no bad one while it is reloaded under load', async () => {
    const good = startLoad(stack, path, await token());
    const bad = startLoad(stack, path, await token({ type: 'refresh' }), 1);
    for (let i = 0; i < 3; i += 1) {
      await good.answered(20);
      expect((await stack.kong.exec(['kong', 'reload'])).exitCode).toBe(0);
    }
    await good.answered(40);
    expect(Object.keys(await good.stop())).toEqual(['101']);
    expect(Object.keys(await bad.stop())).toEqual(['401']);
  }, 300_000);

  it('admits nobody while the gatekeeper is dead, and starts another', async () => {
    const load = startLoad(stack, path, await token());
    await load.answered(20);
    const killed = await stack.kong.exec(['bash', '-c', KILL_EVERY_NODE]);
    expect(killed).toMatchObject({ exitCode: 0 });
    await load.answered(20);
    const bearer = await token();
    while (!(await admitted(bearer))) await load.answered(1);
    expect(Object.keys(await load.stop())).toEqual(expect.arrayContaining(['101', '500']));
  }, 120_000);

  it('runs nothing as root', async () => {
    for (const container of [stack.kong, stack.bridge]) {
      expect((await container.exec(['id', '-u'])).output.trim()).toMatch(/^[1-9]\d*$/);
    }
  });

  it.each([
    ['kong', '/opt/ws-gatekeeper'],
    ['bridge', '/app'],
  ] as const)('has no package in the image of %s but those that the server asks for', async (name, app) => {
    const { output } = await stack[name].exec(['sh', '-c', `cd ${app}/node_modules && ls -d * @*/*`]);
    const packages = output.split('\n').filter((path) => /^(?:[^@/]+|@.+\/.+)$/.test(path));
    expect(packages).toContain('ioredis');
    const asked = installedOnServers();
    expect(packages.filter((each) => !asked.has(each))).toEqual([]);
    expect((await stack[name].exec(['ls', `${app}/dist`])).output).not.toMatch(/^dev$/m);
  });
});

describe("the bridge's image", () => {
  it('drains on SIGTERM, says 1012 and ends with 0', async () => {
    const client = await open(stack, path, await token());
    const { container } = await getContainerRuntimeClient();
    const handle = container.getById(stack.bridge.getId());
    const closed = client.closed();
    const ended = handle.wait() as Promise<{ StatusCode: number }>;
    await handle.kill({ signal: 'SIGTERM' });
    expect(await closed).toBe(1012);
    expect((await ended).StatusCode).toBe(0);
  }, 60_000);
});

describe("the gatekeeper's image", () => {
  it('is healthy once its socket listens, writes what Kong asks for, and ends with 0 on SIGTERM', async () => {
    const image = await buildImage('gatekeeper');
    const gatekeeper = await image.withWaitStrategy(Wait.forHealthCheck()).withStartupTimeout(60_000).start();
    const { container } = await getContainerRuntimeClient();
    const handle = container.getById(gatekeeper.getId());
    const health = await gatekeeper.exec([
      'node',
      'dist/plugin/bin/ws-gatekeeper.js',
      '--health-check',
      '--socket',
      '/run/ws-gatekeeper/plugin.sock',
    ]);
    const info = await gatekeeper.exec(['cat', '/run/ws-gatekeeper/plugin-info.json']);
    expect(JSON.parse(info.output)).toMatchObject({ Protocol: 'ProtoBuf:1' });
    expect(health.exitCode).toBe(0);
    const ended = handle.wait() as Promise<{ StatusCode: number }>;
    await handle.kill({ signal: 'SIGTERM' });
    expect((await ended).StatusCode).toBe(0);
    await gatekeeper.stop();
  }, 600_000);
});
