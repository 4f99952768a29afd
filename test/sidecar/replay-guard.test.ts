import { ReplayGuard } from '../../sidecar/replay-guard';

describe('the replay guard', () => {
  it('accepts an id once', () => {
    const guard = new ReplayGuard(10);
    expect(guard.accept('a', 100, 70)).toBe('first');
    expect(guard.accept('b', 100, 70)).toBe('first');
    expect(guard.accept('a', 100, 99)).toBe('replayed');
  });

  it('forgets an id when it has ended, and not before', () => {
    const guard = new ReplayGuard(10);
    guard.accept('a', 100, 70);
    guard.accept('b', 101, 71);
    guard.accept('c', 200, 99.9);
    expect(guard.size).toBe(3);
    guard.accept('d', 200, 100);
    expect(guard.size).toBe(3);
    expect(guard.accept('b', 101, 100.5)).toBe('replayed');
  });

  it('refuses rather than forget when it is full', () => {
    const guard = new ReplayGuard(2);
    guard.accept('a', 100, 70);
    guard.accept('b', 100, 70);
    expect(guard.accept('c', 100, 70)).toBe('full');
    expect(guard.accept('a', 100, 70)).toBe('replayed');
    expect(guard.accept('c', 130, 100)).toBe('first');
  });
});
