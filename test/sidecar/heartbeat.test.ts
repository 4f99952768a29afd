import { Heartbeat } from '../../sidecar/heartbeat';

class Socket {
  pings = 0;
  cut = false;
  ping(): void {
    this.pings += 1;
  }
  terminate(): void {
    this.cut = true;
  }
}

describe('the heartbeat', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('pings every 30 seconds and cuts a socket that has not answered by the next ping', () => {
    const heartbeat = new Heartbeat(30_000);
    const [alive, dead] = [new Socket(), new Socket()];
    heartbeat.start();
    heartbeat.watch(alive);
    heartbeat.watch(dead);
    jest.advanceTimersByTime(29_999);
    expect(alive.pings).toBe(0);
    jest.advanceTimersByTime(1);
    expect([alive.pings, dead.pings]).toEqual([1, 1]);
    heartbeat.heard(alive);
    jest.advanceTimersByTime(30_000);
    expect([alive.cut, dead.cut]).toEqual([false, true]);
    expect([alive.pings, dead.pings]).toEqual([2, 1]);
    expect(heartbeat.size).toBe(1);
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
    heartbeat.watch(socket);
    heartbeat.unwatch(socket);
    heartbeat.heard(socket);
    jest.advanceTimersByTime(5000);
    expect(socket).toMatchObject({ pings: 0, cut: false });
    expect(heartbeat.size).toBe(0);
    heartbeat.stop();
  });
});
