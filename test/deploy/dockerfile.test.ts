import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { command, instruction, optionOf, stages } from './dockerfile';
import { ROOT } from './manifests';

const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  bin: Readonly<Record<string, string>>;
};

describe('the images', () => {
  it.each([
    ['gatekeeper', 'ws-gatekeeper', '/app'],
    ['kong', 'ws-gatekeeper', '/opt/ws-gatekeeper'],
    ['bridge', 'ws-bridge', '/app'],
  ])('%s has %s on PATH', (stage, name, folder) => {
    const runs = (stages().get(stage) ?? []).filter(({ keyword }) => keyword === 'RUN');
    const script = `${folder}/${bin[name] ?? ''}`;
    expect(runs.map(({ text }) => text).join(' && ')).toContain(`ln -s ${script} /usr/local/bin/${name}`);
  });

  it.each(['gatekeeper', 'bridge'])('%s does not run as root', (stage) => {
    expect(instruction(stage, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it("serve the gatekeeper's metrics on the port that they expose, beside Kong and inside it", () => {
    const beside = command('gatekeeper', 'CMD');
    const inside = /START_CMD="([^"]*)"/.exec(instruction('kong', 'ENV'))?.[1]?.split(' ') ?? [];
    for (const [stage, line] of [
      ['gatekeeper', beside],
      ['kong', inside],
    ] as const) {
      expect([stage, optionOf(line, 'admin-port')]).toEqual([stage, instruction(stage, 'EXPOSE')]);
      // It is in the container's own network; 127.0.0.1 would be out of Prometheus' reach.
      expect(optionOf(line, 'admin-host')).toBe('0.0.0.0');
    }
  });
});

describe("the bridge's health check", () => {
  async function check(env: Record<string, string>): Promise<number> {
    const [, ...args] = command('bridge', 'HEALTHCHECK');
    const options = { env: { PATH: process.env['PATH'], ...env } };
    return promisify(execFile)(process.execPath, args, options).then(
      () => 0,
      (cause: unknown) => (cause as { code: number }).code,
    );
  }

  it('asks at BRIDGE_ADMIN_PORT', async () => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/livez' ? 200 : 404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await check({ BRIDGE_ADMIN_PORT: `${port}` })).toBe(0);
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    expect(await check({ BRIDGE_ADMIN_PORT: `${port}` })).toBe(1);
  });
});
