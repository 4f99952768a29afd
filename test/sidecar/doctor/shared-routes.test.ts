import { describe, expect, it } from '@jest/globals';
import { findingLine } from '../../../sidecar/doctor/finding';
import { checkSettings } from '../../../sidecar/doctor/settings-checks';
import { DEFAULT_ROUTES, type RouteEntry } from '../../../sidecar/routes/route';
import { parseRoutes } from '../../../sidecar/routes/file';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileRoutes } from '../../../sidecar/routes/compile';

const DASHBOARD = {
  name: 'dashboard',
  path: '/ws/bi/dashboards/{id}',
  channels: ['dashboard:refresh:{id}'],
  messages: 'refuse',
};
const parse = (...routes: object[]) => parseRoutes('routes.json', JSON.stringify({ routes }));
const compile = (...channels: string[]) =>
  compileRoutes(
    channels.map((channel, index): RouteEntry => ({
      name: `r${index}`,
      path: `/r${index}/{id}`,
      channels: [channel],
      messages: 'refuse',
      session: channel.includes('{session}'),
      shared: true,
    })),
  );

describe('a channel of no tenant', () => {
  it('is refused, with what would allow it and what that means', () => {
    expect(() => parse(DASHBOARD)).toThrow(
      'routes.json: route "dashboard": expected {tenant} or {session} in channel "dashboard:refresh:{id}", so that no tenant ' +
        'hears another\'s, or "shared": true, which lets every tenant\'s users hear it',
    );
    expect(() => parse({ ...DASHBOARD, shared: false })).toThrow(/expected \{tenant\}/);
    expect(() => parse({ ...DASHBOARD, shared: 'yes' })).toThrow(/routes\.0\.shared/);
  });

  it('is served where its route says that it is shared', () => {
    expect(parse({ ...DASHBOARD, shared: true })).toMatchObject([
      { sharedChannels: ['dashboard:refresh:{id}'] },
    ]);
  });

  it.each(['ws:control', 'ws:bridge:{id}', 'ws:{id}', '{id}:control', '{id}', '{user}:control'])(
    'is refused although it is shared when it could be one of the bridge’s own: %s',
    (channel) => {
      expect(() => compile(channel)).toThrow(/to begin with a word, other than "ws"/);
    },
  );

  it.each([
    ['dashboard:refresh:{id}', '{tenant}:refresh:{id}'],
    ['ai:stream:{id}', 'ai:stream:{session}'],
    ['alerts:{user}', 'alerts:{id}'],
  ])(
    'is refused although it is shared when it could be one that has an owner: %s and %s',
    (shared, owned) => {
      expect(() => compile(shared, owned)).toThrow(/cannot be the same for two owners/);
      expect(() => compile(owned, shared)).toThrow(/cannot be the same for two owners/);
    },
  );

  it('may be another shared one, and stand beside the built-in routes', () => {
    expect(() => compile('news:{id}', 'news:{id}', 'news:all')).not.toThrow();
    const others = DEFAULT_ROUTES.filter(({ name }) => name !== 'dashboard');
    const shared = { ...DASHBOARD, messages: 'refuse', session: false, shared: true } as const;
    expect(() => compileRoutes([...others, shared])).not.toThrow();
  });

  it('is in none of the built-in routes', () => {
    expect(compileRoutes(DEFAULT_ROUTES).flatMap(({ sharedChannels }) => sharedChannels)).toEqual([]);
  });
});

describe('ws-bridge doctor', () => {
  it('says which routes are shared, and what that means', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shared-routes-'));
    const file = join(folder, 'routes.json');
    writeFileSync(file, JSON.stringify({ routes: [{ ...DASHBOARD, shared: true }] }));
    const { findings } = await checkSettings({
      BRIDGE_ROUTES_FILE: file,
      BRIDGE_ASSERTION_SECRET: 'at least thirty-two bytes of secret',
      REDIS_URL: 'redis://127.0.0.1',
    });
    rmSync(folder, { recursive: true });
    expect(findings.map(findingLine)).toContain(
      "warn  shared     dashboard: every tenant's users may open dashboard:refresh:{id}, whatever its parameters are",
    );
  });
});
