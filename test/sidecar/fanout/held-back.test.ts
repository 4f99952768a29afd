import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HeldBack, HeldCount } from '../../../sidecar/fanout/held-back';
import { outgoingText } from '../../../sidecar/fanout/frame';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const held = (bytes: number): { item: ReturnType<typeof outgoingText> } => ({
  item: outgoingText('x'.repeat(bytes), 'note'),
});

describe('what sockets hold back', () => {
  it('is counted once, however many of them hold the same message', () => {
    const count = new HeldCount();
    const sockets = Array.from({ length: 100 }, () => new HeldBack(count));
    const entry = held(1_000_000);
    for (const socket of sockets) socket.push(entry);
    expect(count.bytes).toBeGreaterThanOrEqual(1_000_000);
    expect(count.bytes).toBeLessThan(1_020_000);
    for (const socket of sockets.slice(1)) socket.clear();
    expect(count.bytes).toBeGreaterThanOrEqual(1_000_000);
    expect(sockets[0]?.take()).toBe(entry);
    expect(count.bytes).toBe(0);
  });

  it('comes out in order', () => {
    const socket = new HeldBack<{ item: ReturnType<typeof outgoingText> }>(new HeldCount());
    const entries = [held(1), held(2), held(3), held(4)];
    for (const entry of entries.slice(0, 3)) socket.push(entry);
    expect(socket.take()).toBe(entries[0]);
    socket.push(entries[3] ?? held(0));
    expect([socket.take(), socket.take(), socket.take()]).toEqual(entries.slice(1));
    expect(socket.isEmpty).toBe(true);
    expect(socket.take()).toBeUndefined();
  });

  it('takes no memory once it is taken, though some always waits', async () => {
    const socket = new HeldBack(new HeldCount());
    const push = (): WeakRef<object> => {
      const entry = held(1);
      socket.push(entry);
      return new WeakRef(entry.item);
    };
    const items = [push()];
    for (let taken = 0; taken < 50; taken += 1) {
      items.push(push());
      socket.take();
    }
    await turn();
    collectGarbage();
    expect(items.filter((item) => item.deref() !== undefined).length).toBeLessThan(5);
  });

  it('is too much from a bound on', () => {
    const count = new HeldCount(1000);
    const socket = new HeldBack(count);
    socket.push(held(100));
    expect(count.isFull).toBe(false);
    socket.push(held(900));
    expect(count.isFull).toBe(true);
    socket.clear();
    expect(count.isFull).toBe(false);
  });

  it('is too much with as much as the bound', () => {
    const full = new HeldCount();
    const { item } = held(1000);
    full.hold(item);
    for (const [bound, isFull] of [
      [full.bytes, true],
      [full.bytes + 1, false],
    ] as const) {
      const count = new HeldCount(bound);
      count.hold(item);
      expect(count.isFull).toBe(isFull);
    }
  });
});
