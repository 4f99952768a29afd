import { HeldBack, HeldCount } from '../../../sidecar/fanout/held-back';
import { outgoingText } from '../../../sidecar/fanout/frame';

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
});
