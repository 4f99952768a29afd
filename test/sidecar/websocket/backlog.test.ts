import { Backlog, CATCH_UP_MS, MAX_BACKLOG_MS } from '../../../sidecar/websocket/backlog';

describe('how far the bridge is behind with a client', () => {
  it('is not at all before the client is not read, nor a second after it is read again', () => {
    const backlog = new Backlog();
    expect(backlog.fromMs(5)).toBeUndefined();
    backlog.begins(10);
    backlog.ends(20);
    expect(backlog.fromMs(20 + CATCH_UP_MS)).toBe(10);
    expect(backlog.fromMs(21 + CATCH_UP_MS)).toBeUndefined();
    backlog.begins(5000);
    expect(backlog.fromMs(5001)).toBe(5000);
  });

  it('goes on where the client is not read again before that', () => {
    const backlog = new Backlog();
    backlog.begins(10);
    backlog.ends(20);
    backlog.begins(20 + CATCH_UP_MS);
    backlog.ends(5000);
    backlog.ends(5000 + CATCH_UP_MS);
    expect(backlog.fromMs(5000 + CATCH_UP_MS)).toBe(10);
    expect(backlog.fromMs(5001 + CATCH_UP_MS)).toBeUndefined();
  });

  it('is ten seconds at most: nobody saves up for longer', () => {
    const backlog = new Backlog();
    backlog.begins(0);
    expect(backlog.fromMs(MAX_BACKLOG_MS + 7)).toBe(7);
  });
});
