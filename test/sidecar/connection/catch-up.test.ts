import { CatchUp, CATCH_UP_BYTES, type CatchingUp } from '../../../sidecar/connection/catch-up';
import { frameOf } from '../../../sidecar/fanout/frame';
import { ReplayLog } from '../../../sidecar/resume/replay-log';
import { unboundedRings } from '../resume/rings';

const SIZE = CATCH_UP_BYTES / 2;
const FIRST = 100;

/** A log that keeps six frames, of which two go at once, and a client that takes more when the test says so. */
function setUp(frames: number) {
  const keeping = { maxItems: 6, maxBytes: 6 * SIZE, lingerMs: 0 };
  const identity = { tenant: 'acme', owner: 'alice', channels: ['c'], senderId: undefined, keeping };
  const log = new ReplayLog(identity, 'e1', unboundedRings(), FIRST);
  log.open();
  let published = 0;
  const publish = (): void => {
    log.deliver(frameOf(Buffer.from(`${(published += 1)}`.padEnd(SIZE)), false));
  };
  for (let count = 0; count < frames; count += 1) publish();
  const got: string[] = [];
  const client: CatchingUp = {
    deliver: ({ payload }, offset) => void got.push(`${payload.toString().trim()} at ${offset}`),
    lost: () => void got.push('lost'),
    expired: (offset) => void got.push(`expired to ${offset}`),
    caughtUp: () => {
      got.push('caught up');
      log.listen(client);
    },
  };
  let take: (() => void) | undefined;
  const flushed = (callBack: () => void): void => {
    take = callBack;
  };
  const catchUp = new CatchUp(log, client, { flushed }, FIRST);
  const takeMore = (): void => {
    const step = take;
    take = undefined;
    step?.();
  };
  return { log, publish, got, takeMore, catchUp, isWaiting: () => take !== undefined };
}

describe('a client that catches up', () => {
  it('has little that was missed at once, and is live then', () => {
    const { publish, got } = setUp(2);
    publish();
    expect(got).toEqual(['1 at 100', '2 at 101', 'caught up', '3 at 102']);
  });

  it('gets much as it takes it, and what comes meanwhile behind it, once', () => {
    const { publish, got, takeMore } = setUp(3);
    expect(got).toEqual(['1 at 100', '2 at 101']);
    publish();
    takeMore();
    publish();
    expect(got.slice(2)).toEqual(['3 at 102', '4 at 103', 'caught up', '5 at 104']);
  });

  it('is told of a gap where frames went before it took them', () => {
    const { publish, got, takeMore } = setUp(6);
    for (let count = 0; count < 4; count += 1) publish();
    takeMore();
    expect(got.slice(2)).toEqual(['expired to 104', '5 at 104', '6 at 105']);
  });

  it('is told of a gap when Redis was lost, and goes on with what came since', () => {
    const { log, publish, got, takeMore } = setUp(4);
    log.interrupt();
    log.restore('e2');
    publish();
    takeMore();
    expect(got.slice(2)).toEqual(['lost', '5 at 104', 'caught up']);
  });

  it('gets nothing more once it has left', () => {
    const { publish, got, takeMore, catchUp, isWaiting } = setUp(4);
    catchUp.end();
    publish();
    takeMore();
    expect(got).toEqual(['1 at 100', '2 at 101']);
    expect(isWaiting()).toBe(false);
  });
});
