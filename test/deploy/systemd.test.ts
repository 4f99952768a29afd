import { describe, expect, it } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseSettings, SETTING_ROWS } from '../../sidecar/settings/settings';
import { command, optionOf } from './dockerfile';
import { ROOT } from './manifests';

/** The entries of a unit: those of one key, in order. */
function entriesOf(name: string): (key: string) => readonly string[] {
  const lines = readFileSync(join(ROOT, 'deploy/systemd', name), 'utf8').split('\n');
  return (key) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

const gatekeeper = entriesOf('ws-gatekeeper.service');
const bridge = entriesOf('ws-bridge.service');
const kong = entriesOf('kong.conf');
const kongs = Object.fromEntries(
  kong('Environment').map((entry) => entry.replace(/^"(.*)"$/, '$1').split(/=(.*)/s, 2)),
) as Record<string, string>;
const guide = readFileSync(join(ROOT, 'docs/operating.md'), 'utf8');
const line = gatekeeper('ExecStart')[0]?.split(' ') ?? [];
const settings = parseSettings({ BRIDGE_ASSERTION_SECRET: 'x'.repeat(32) });

describe("the units of systemd, and what Kong's unit is told", () => {
  it('put the socket and the file where Kong looks for them, in the folder that systemd makes', () => {
    const folder = `/run/${gatekeeper('RuntimeDirectory')[0] ?? ''}`;
    expect(kongs['KONG_PLUGINSERVER_GATEKEEPER_SOCKET']).toBe(optionOf(line, 'socket'));
    expect(kongs['KONG_PLUGINSERVER_GATEKEEPER_QUERY_CMD']).toBe(
      `cat ${optionOf(line, 'plugin-info-file') ?? ''}`,
    );
    for (const path of [optionOf(line, 'socket'), optionOf(line, 'plugin-info-file')]) {
      expect(path).toMatch(new RegExp(`^${folder}/[^/]+$`));
    }
  });

  it('start Kong when the gatekeeper listens', () => {
    expect(kong('After')).toEqual(['ws-gatekeeper.service']);
    expect(gatekeeper('ExecStartPost')[0]).toContain(
      `--health-check --socket ${optionOf(line, 'socket') ?? ''};`,
    );
  });

  it('give a gatekeeper up that ended before it listened, so that it is started anew at once', async () => {
    const [, script = ''] = /^\/bin\/sh -c '(.*)'$/.exec(gatekeeper('ExecStartPost')[0] ?? '') ?? [];
    const neverListens = script.replace(/\/opt\S+ /, 'false ');
    const main = spawn('true');
    await once(main, 'exit');
    const post = spawn('sh', ['-c', neverListens], { env: { ...process.env, MAINPID: `${main.pid ?? 0}` } });
    expect(await once(post, 'exit')).toEqual([1, null]);
  });

  it('are started again however often they end', () => {
    for (const unit of [gatekeeper, bridge]) {
      expect([unit('Restart'), unit('StartLimitIntervalSec')]).toEqual([['always'], ['0']]);
    }
  });

  it('keep metrics and the bridge on loopback', () => {
    expect([optionOf(line, 'admin-port'), optionOf(line, 'admin-host')]).toEqual(['9091', undefined]);
    const variables = bridge('Environment')
      .flatMap((entry) => entry.split(' '))
      .filter((entry) => entry.startsWith('BRIDGE_'));
    expect(variables).toEqual(['BRIDGE_HOST=127.0.0.1', 'BRIDGE_ADMIN_HOST=127.0.0.1']);
    const names = SETTING_ROWS.map(({ name }) => name);
    for (const entry of variables) expect(names).toContain(entry.split('=')[0]);
  });

  it('give the bridge the young generation that its image gives it', () => {
    const flags = command('bridge', 'CMD').filter((word) => word.startsWith('--'));
    expect(flags).toEqual(['--max-semi-space-size=8']);
    expect(bridge('Environment')).toContain(`NODE_OPTIONS=${flags.join(' ')}`);
  });

  it('give the bridge time for its drain and what lingers, and files for its connections', () => {
    const needed = (settings.drainMs + settings.lingerMs) / 1000;
    expect(Number(bridge('TimeoutStopSec')[0])).toBeGreaterThanOrEqual(needed + 5);
    expect(Number(bridge('LimitNOFILE')[0])).toBeGreaterThan(settings.maxConnections);
  });

  it('run what the guide installs, with the files that it writes', () => {
    const prefix = '/opt/ws-bridge/node_modules/.bin/';
    expect(guide).toContain('npm install --prefix /opt/ws-bridge ');
    for (const [start] of [gatekeeper('ExecStart'), bridge('ExecStart')]) {
      expect(start?.startsWith(prefix)).toBe(true);
    }
    for (const [file = ''] of [bridge('EnvironmentFile'), kong('EnvironmentFile')]) {
      expect(guide).toContain(`tee ${file} `);
    }
    expect(guide).toContain(`tee ${kongs['KONG_DECLARATIVE_CONFIG'] ?? ''} `);
  });

  it.each(['ws-gatekeeper.service', 'ws-bridge.service'])('%s is a unit that systemd takes', async (name) => {
    const faults = await promisify(execFile)('systemd-analyze', [
      'verify',
      join(ROOT, 'deploy/systemd', name),
    ]).then(
      ({ stderr }) => stderr,
      (cause: unknown) => (cause as { stderr?: string }).stderr ?? '',
    );
    // Where there is no systemd there is nothing to ask; the commands are not installed on the machine of a test.
    const own = faults
      .split('\n')
      .filter((text) => text.includes(name) && !text.includes('is not executable'));
    expect(own).toEqual([]);
  });
});
