import { BEAT_MS, Heartbeat, MAX_BEATS } from '../../../sidecar/connection/heartbeat';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';

class Socket {
  isUnread = false;
  readonly pingedAtMs: number[] = [];
  cutAtMs: number | undefined;
  ping(): void {
    this.pingedAtMs.push(Date.now());
  }
  reset(): void {
    this.cutAtMs = Date.now();
  }
}

describe('the heartbeat', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('pings every 30 seconds and cuts a socket that has not answered by the next ping', () => {
    const heartbeat = new Heartbeat(30_000);
    const [alive, dead] = [new Socket(), new Socket()];
    heartbeat.start();
    const beat = heartbeat.watch(alive);
    heartbeat.watch(dead);
    jest.advanceTimersByTime(30_000);
    expect([alive.pingedAtMs.length, dead.pingedAtMs.length]).toEqual([1, 1]);
    beat.heard(alive);
    jest.advanceTimersByTime(30_000);
    const [first = 0, second = 0] = alive.pingedAtMs;
    expect(second - first).toBe(30_000);
    expect([alive.cutAtMs, dead.cutAtMs]).toEqual([undefined, (dead.pingedAtMs[0] ?? 0) + 30_000]);
    expect(dead.pingedAtMs).toHaveLength(1);
    expect(heartbeat.size).toBe(1);
    heartbeat.stop();
  });

  it('pings a socket once more of which something is not read yet, and cuts it when all is read and was no answer', () => {
    const heartbeat = new Heartbeat(30_000);
    const socket = new Socket();
    heartbeat.start();
    heartbeat.watch(socket);
    socket.isUnread = true;
    jest.advanceTimersByTime(90_000);
    expect(socket).toMatchObject({ pingedAtMs: { length: 3 }, cutAtMs: undefined });
    socket.isUnread = false;
    jest.advanceTimersByTime(30_000);
    expect(socket.cutAtMs).toBe((socket.pingedAtMs[2] ?? 0) + 30_000);
    heartbeat.stop();
  });

  it('knows an answer to its ping from one that nobody asked for', () => {
    const heartbeat = new Heartbeat(30_000);
    const socket = new Socket();
    heartbeat.start();
    const beat = heartbeat.watch(socket);
    expect(beat.heard(socket)).toBe(false);
    jest.advanceTimersByTime(30_000);
    expect([beat.heard(socket), beat.heard(socket)]).toEqual([true, false]);
    heartbeat.stop();
  });

  it('spreads sockets that came at once evenly over the interval', () => {
    const heartbeat = new Heartbeat(30_000);
    const sockets = Array.from({ length: 600 }, () => new Socket());
    heartbeat.start();
    for (const socket of sockets) heartbeat.watch(socket);
    jest.advanceTimersByTime(30_000);
    const moments = new Map<number, number>();
    for (const { pingedAtMs } of sockets) {
      const [at = -1, ...more] = pingedAtMs;
      expect(more).toEqual([]);
      moments.set(at, (moments.get(at) ?? 0) + 1);
    }
    expect([...moments.keys()]).toEqual(Array.from({ length: 60 }, (_, index) => (index + 1) * BEAT_MS));
    expect(new Set(moments.values())).toEqual(new Set([10]));
    heartbeat.stop();
  });

  it('takes no memory for each half second of a long interval, and still pings once in it', () => {
    const day = 86_400_000;
    const heartbeat = new Heartbeat(day);
    const sockets = Array.from({ length: 2 * MAX_BEATS }, () => new Socket());
    heartbeat.start();
    for (const socket of sockets) heartbeat.watch(socket);
    jest.advanceTimersByTime(day);
    const moments = new Set(sockets.flatMap(({ pingedAtMs }) => pingedAtMs));
    expect([moments.size, sockets.every(({ pingedAtMs }) => pingedAtMs.length === 1)]).toEqual([
      MAX_BEATS,
      true,
    ]);
    heartbeat.stop();
  });

  it('pings and cuts the many of one beat in slices, but not who left between two', () => {
    let nowMs = 0;
    const laters: (() => void)[] = [];
    const shares = new LoopShares({ nowMs: () => nowMs, later: (run) => void laters.push(run) });
    const heartbeat = new Heartbeat(BEAT_MS, shares);
    let done = 0;
    const step = (): void => {
      done += 1;
      nowMs += 1;
    };
    const sockets = Array.from({ length: 20 }, () => ({ isUnread: false, ping: step, reset: step }));
    const beats = sockets.map((socket) => heartbeat.watch(socket));
    heartbeat.start();
    for (const wanted of [19, 18]) {
      done = 0;
      jest.advanceTimersByTime(BEAT_MS);
      expect(done).toBe(SLICE_MS);
      const gone = sockets.pop();
      if (gone !== undefined) beats.pop()?.unwatch(gone);
      for (let run = laters.shift(); run !== undefined; run = laters.shift()) {
        const fromMs = nowMs;
        run();
        expect(nowMs - fromMs).toBeLessThanOrEqual(SLICE_MS);
      }
      expect(done).toBe(wanted);
    }
    heartbeat.stop();
  });

  it('has one timer however many sockets it watches, and none when stopped', () => {
    const heartbeat = new Heartbeat(1000);
    heartbeat.start();
    heartbeat.start();
    for (let count = 0; count < 100; count += 1) heartbeat.watch(new Socket());
    expect(jest.getTimerCount()).toBe(1);
    heartbeat.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('forgets a socket that closed, whatever it still hears of it', () => {
    const heartbeat = new Heartbeat(1000);
    const socket = new Socket();
    heartbeat.start();
    const beat = heartbeat.watch(socket);
    beat.unwatch(socket);
    beat.heard(socket);
    jest.advanceTimersByTime(5000);
    expect(socket).toMatchObject({ pingedAtMs: [], cutAtMs: undefined });
    expect(heartbeat.size).toBe(0);
    heartbeat.stop();
  });
});
