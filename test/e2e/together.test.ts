import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { connect, type BridgeClient } from '../../client/src/index';
import { Locks, type ListedLocks } from '../../client/src/locks';
import { tellPeers } from '../../client/src/peers';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';
import { token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const PATH = '/ws/collaboration/together';

let stack: Stack;
const people: Person[] = [];

beforeAll(async () => {
  const routes = DEFAULT_ROUTES.map((route) =>
    route.messages === 'relay' ? { ...route, peers: true, locks: true } : route,
  );
  stack = await startStack({ config: { rate_limits: [] }, routes });
}, 180_000);
afterAll(async () => {
  for (const { client } of people) client.close();
  await stack.stop();
}, 60_000);

/** Somebody at the document, over sockets that the test can cut. */
class Person {
  readonly locks: Locks;
  readonly client: BridgeClient;
  readonly #sockets: WebSocket[] = [];
  readonly #waiting = new Set<() => void>();
  here = '';
  list = '';

  constructor(user: string) {
    const sockets = this.#sockets;
    class CuttableSocket extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const told = (): void => {
      for (const look of this.#waiting) look();
    };
    const peers = tellPeers(({ users }) => {
      this.here = users.join();
      told();
    }, CuttableSocket);
    this.locks = new Locks({
      WebSocket: peers,
      told: (list: ListedLocks) => {
        this.list = list.map(({ name, user: by }) => `${name} ${by}`).join();
        told();
      },
    });
    this.client = connect({
      ...{ url: stack.url, path: PATH, token: () => token({ sub: user, tenant_id: 'together' }) },
      ...{ WebSocket: this.locks.WebSocket, backoffBaseMs: 50 },
    });
    people.push(this);
  }

  cut(): void {
    this.#sockets.at(-1)?.terminate();
  }

  /** Resolves once this holds, which is asked with every list. */
  async sees(holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}

describe('two people at one document, through the gateway', () => {
  it('see each other, lock a cell one after the other, and one who is cut keeps it', async () => {
    const [ana, bob] = [new Person('ana'), new Person('bob')];
    await Promise.all([ana, bob].map((one) => one.sees(() => one.here === 'ana,bob')));

    const lock = await ana.locks.lock('B7');
    await expect(bob.locks.lock('B7')).rejects.toMatchObject({ code: 'LOCKED' });
    await bob.sees(() => bob.list === 'B7 ana');

    const { token: before } = lock;
    const back = new Promise<void>((resolve) => {
      ana.client.on('state', (state) => {
        if (state === 'open') resolve();
      });
    });
    ana.cut();
    await expect(bob.locks.lock('B7')).rejects.toMatchObject({ code: 'LOCKED' });
    await back;
    const other = await ana.locks.lock('C8');
    expect([lock.token > before, other.token > lock.token, lock.lost.aborted]).toEqual([true, true, false]);

    lock.unlock();
    await bob.sees(() => bob.list === 'C8 ana');
    const next = await bob.locks.lock('B7');
    expect(next.token).toBeGreaterThan(lock.token);
    await ana.sees(() => ana.list === 'B7 bob,C8 ana');
  });
});
