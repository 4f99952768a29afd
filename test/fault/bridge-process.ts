import { join } from 'node:path';
import { SECRET } from '../sidecar/fixture';
import type { Backend } from './gateway';
import { Program } from './program';

const PROGRAM = join(__dirname, '../../dist/sidecar/bin/ws-bridge.js');

/** A bridge as it is shipped, in a process of its own. */
export class BridgeProcess extends Program implements Backend {
  port = 0;
  adminPort = 0;

  /**
   * Starts one on free ports; `env` adds to its environment.
   * @param clockMs how far its wall clock is from the truth, in milliseconds, of one whose clock can be set
   * @throws Error when it is not built, or ends before it listens
   */
  static async start(
    redisUrl: string,
    env: Readonly<Record<string, string>>,
    clockMs?: number,
  ): Promise<BridgeProcess> {
    const bridge = new BridgeProcess(PROGRAM, {
      clockMs,
      env: {
        BRIDGE_HOST: '127.0.0.1',
        BRIDGE_PORT: '0',
        BRIDGE_ADMIN_HOST: '127.0.0.1',
        BRIDGE_ADMIN_PORT: '0',
        BRIDGE_ASSERTION_SECRET: SECRET,
        REDIS_URL: redisUrl,
        ...env,
      },
    });
    const { port, adminPort } = (await bridge.listening) as unknown as Backend;
    [bridge.port, bridge.adminPort] = [port, adminPort];
    return bridge;
  }

  /** Whether it says that it is ready. */
  async isReady(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${this.adminPort}/readyz`)).ok;
  }

  /** One of its gauges, summed over its labels. */
  async gauge(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))];
    if (values.length === 0) throw new Error(`no gauge ${name}`);
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }
}
