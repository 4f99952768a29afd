import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Plugin } from '../../../plugin';
import { Gatekeeper } from '../../../plugin/gatekeeper';
import { fetchJwks } from '../../../plugin/keys/jwks-fetch';
import { isNestedDeeperThan, MAX_NESTING } from '../../../plugin/lib/nesting';
import { instanceMaker } from '../../../plugin/server/instance-maker';
import { OwnInstances } from '../../../plugin/server/own-instances';
import { startPluginServer, type PluginServer } from '../../../plugin/server/plugin-server';
import { loggedUpgrade } from '../../fakes/logged-request';
import { rawConfig } from '../fixture';
import { tellOf } from '../kong-request';

/** JSON nested so deeply, which JSON.parse reads and JSON.stringify does not. */
const deepJson = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const deep = (levels: number): unknown => JSON.parse(deepJson(levels));

describe('nesting', () => {
  it.each([1, 2, MAX_NESTING])('of %i levels is deeper than one less, and no deeper', (levels) => {
    expect(isNestedDeeperThan(deep(levels), levels - 1)).toBe(true);
    expect(isNestedDeeperThan(deep(levels), levels)).toBe(false);
  });

  it('of a hundred thousand levels is walked', () => {
    expect(isNestedDeeperThan(deep(100_000), MAX_NESTING)).toBe(true);
    expect(isNestedDeeperThan(deep(100_000), 100_000)).toBe(false);
  });

  it('counts objects and lists alike, the deepest of all members', () => {
    expect(isNestedDeeperThan({ a: 1, b: [{ c: [1, 2] }], d: 'x' }, 4)).toBe(false);
    expect(isNestedDeeperThan({ a: 1, b: [{ c: [1, 2] }], d: 'x' }, 3)).toBe(true);
  });
});

describe('a configuration nested deeply', () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(JSON.parse(line) as never) });
  let folder: string;
  let path: string;
  let server: PluginServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gk-'));
    path = join(folder, 'gk.sock');
    server = await startPluginServer(
      { path, mode: 0o600 },
      {
        pluginName: 'ws-gatekeeper',
        instances: new OwnInstances(
          instanceMaker((config) => {
            if ((config as { realm?: string }).realm === 'cannot start') throw new RangeError('too much');
            return new Gatekeeper(config, log);
          }, log),
        ),
        log,
      },
    );
  });
  afterAll(async () => {
    await server.close(0);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['in a field that is not known', (levels: number) => ({ ...rawConfig(), other: deep(levels) })],
    ['in a field that is', (levels: number) => rawConfig({ rate_limits: deep(levels) })],
  ])('%s is refused, and the gatekeeper goes on', async (_, config) => {
    // The stand-in writes the configuration as Kong would; it has the same stack as the gatekeeper here.
    for (const levels of [100, 2000]) {
      lines.length = 0;
      expect((await loggedUpgrade(path, config(levels), {})).status).toBe(500);
      expect(lines).toContainEqual(
        expect.objectContaining({
          msg: 'configuration refused',
          reason: 'config: expected no more than 32 levels',
        }),
      );
    }
    const headers = { upgrade: 'websocket' };
    const good = rawConfig({
      rate_limits: [],
      revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
    });
    expect((await loggedUpgrade(path, good, { headers })).status).toBe(401);
  });

  it('is refused as it comes from the stock server, too', async () => {
    for (const plugin of [new Gatekeeper(deep(100_000), log), new Plugin(deep(100_000))])
      expect((await tellOf(plugin, { headers: {} })).status).toBe(500);
  });

  it('or anything else that keeps an instance from being started refuses its upgrades', async () => {
    expect((await loggedUpgrade(path, rawConfig({ realm: 'cannot start' }), {})).status).toBe(500);
  });
});

it('a JWK Set nested deeply is no JWK Set', async () => {
  const body = `{"keys":${deepJson(100_000)}}`;
  const fetched = fetchJwks(() => Promise.resolve(new Response(body)), 'https://issuer.example/jwks', 1000);
  await expect(fetched).rejects.toThrow('expected no more than 32 levels');
});
