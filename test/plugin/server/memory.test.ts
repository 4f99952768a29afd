import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Gatekeeper } from '../../../plugin/gatekeeper';
import { instanceMaker } from '../../../plugin/server/instance-maker';
import { OwnInstances } from '../../../plugin/server/own-instances';
import { startPluginServer } from '../../../plugin/server/plugin-server';
import { KongWorker } from '../../fakes/kong-worker';
import { rawConfig, signToken } from '../fixture';

// How many refused upgrades the heap is measured over; ABUSE_REJECTIONS=200000 for the long run.
const REJECTIONS = Number(process.env['ABUSE_REJECTIONS'] ?? 6000);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The bytes that are still referenced. */
function liveBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

it('refused upgrades leave the memory flat', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gk-'));
  const path = join(folder, 'gk.sock');
  const log = pino({ level: 'silent' });
  const start = (config: unknown) => new Gatekeeper(config, log);
  const server = await startPluginServer(
    { path, mode: 0o600 },
    { pluginName: 'ws-gatekeeper', instances: new OwnInstances(instanceMaker(start, log)), log },
  );
  const revocation = { enabled: false, key_prefix: '', fault_tolerant: false };
  const kongs = Array.from(
    { length: 4 },
    () => new KongWorker(path, rawConfig({ rate_limits: [], revocation })),
  );
  const now = Math.floor(Date.now() / 1000);
  const expired = await signToken({ iat: now - 900, exp: now - 60 });
  const refuse = async (count: number): Promise<void> => {
    await Promise.all(
      kongs.map(async (kong) => {
        for (let i = 0; i < count / kongs.length; i += 1) {
          const authorization = i % 2 === 0 ? { authorization: `Bearer ${expired}` } : {};
          const { status } = await kong.upgrade({ upgrade: 'websocket', ...authorization });
          if (status !== 401) throw new Error(`expected 401, got ${status ?? 101}`);
        }
      }),
    );
  };

  await refuse(2000);
  const before = liveBytes();
  await refuse(REJECTIONS);
  const grown = (liveBytes() - before) / REJECTIONS;
  process.stdout.write(`${REJECTIONS} refusals, ${grown.toFixed(1)} bytes kept of each\n`);
  // kong-js-pluginserver keeps 1,200 of each.
  expect(grown).toBeLessThan(200);
  for (const kong of kongs) kong.close();
  await server.close(0);
  rmSync(folder, { recursive: true });
}, 600_000);
