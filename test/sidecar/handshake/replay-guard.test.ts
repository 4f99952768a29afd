import { ReplayGuard } from '../../../sidecar/handshake/replay-guard';

describe('the replay guard', () => {
  it('accepts an id once', () => {
    const guard = new ReplayGuard(10);
    expect(guard.accept('a', 100, 70, 70)).toBe('first');
    expect(guard.accept('b', 100, 70, 70)).toBe('first');
    expect(guard.accept('a', 100, 99, 99)).toBe('replayed');
  });

  it('forgets an id when it has ended, and not before', () => {
    const guard = new ReplayGuard(10);
    guard.accept('a', 100, 70, 70);
    guard.accept('b', 101, 71, 71);
    guard.accept('c', 200, 99.9, 99.9);
    expect(guard.size).toBe(3);
    guard.accept('d', 200, 100, 100);
    expect(guard.size).toBe(3);
    expect(guard.accept('b', 101, 100.5, 100.5)).toBe('replayed');
  });

  it('refuses an id that has ended by then, which it could only forget at once', () => {
    const guard = new ReplayGuard(10);
    // Verified in time, and on its way since.
    expect(guard.accept('a', 100, 100, 70)).toBe('ended');
    expect(guard.accept('a', 100, 101, 71)).toBe('ended');
    expect(guard.size).toBe(0);
  });

  it('refuses rather than forget when it is full', () => {
    const guard = new ReplayGuard(2);
    guard.accept('a', 100, 70, 70);
    guard.accept('b', 100, 70, 70);
    expect(guard.accept('c', 100, 70, 70)).toBe('full');
    expect(guard.accept('a', 100, 70, 70)).toBe('replayed');
    expect(guard.accept('c', 130, 100, 100)).toBe('first');
  });

  it('forgets nothing too early when the clock is set on and back again', () => {
    const guard = new ReplayGuard(10);
    guard.accept('a', 1030, 1000, 0);
    expect(guard.accept('b', 4640, 4601, 1)).toBe('first');
    expect(guard.accept('a', 1030, 1002, 2)).toBe('replayed');
    expect(guard.accept('c', 1100, 1040, 40)).toBe('first');
    expect(guard.accept('a', 1100, 1040, 40)).toBe('first');
  });

  it('keeps what a clock that was set back finds valid again, and what comes later is forgotten in time', () => {
    const guard = new ReplayGuard(3);
    guard.accept('a', 5030, 5000, 0);
    guard.accept('b', 1430, 1400, 10);
    expect(guard.accept('c', 1460, 1431, 41)).toBe('first');
    expect(guard.accept('d', 1500, 1470, 80)).toBe('first');
    expect(guard.size).toBe(2);
    expect(guard.accept('a', 5030, 5029, 3639)).toBe('replayed');
    expect(guard.accept('a', 5060, 5030, 3640)).toBe('first');
  });
});
