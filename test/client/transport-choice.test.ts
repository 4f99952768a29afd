import { LONGEST_MS, TransportChoice } from '../../client/src/transport-choice.ts';
import { EARLY_MS, TransportTrial } from '../../client/src/transport-trial.ts';

const AGAIN_MS = 600_000;

let nowMs: number;
let online: boolean;
let kept: Map<string, string>;
beforeEach(() => {
  [nowMs, online] = [1_800_000_000_000, true];
  kept = new Map();
});

function choice(webSocketAgainMs = AGAIN_MS): TransportChoice {
  return new TransportChoice({
    ...{ webSocketAgainMs, now: () => nowMs, online: () => online },
    storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
  });
}

function failTwice(ways: TransportChoice): void {
  ways.failed('websocket');
  ways.failed('websocket');
}

/** Two WebSockets that came to nothing, and a stream that is open. */
function onStreams(): TransportChoice {
  const ways = choice();
  failTwice(ways);
  ways.streamWorked();
  return ways;
}

describe('the way of the next connection', () => {
  it('is a stream after two WebSockets in a row that came to nothing', () => {
    const ways = choice();
    expect(ways.next).toBe('websocket');
    ways.failed('websocket');
    expect(ways.next).toBe('websocket');
    ways.webSocketWorked();
    ways.failed('websocket');
    expect(ways.next).toBe('websocket');
    ways.failed('websocket');
    expect(ways.next).toBe('http');
  });

  it('is a WebSocket where all that came to nothing did so without a network', () => {
    const ways = choice();
    online = false;
    failTwice(ways);
    online = true;
    expect(ways.next).toBe('websocket');
    ways.failed('websocket');
    expect(ways.next).toBe('websocket');
    ways.failed('websocket');
    expect(ways.next).toBe('http');
  });

  it('is a stream where the browser goes on saying that there is no network: it may be wrong', () => {
    const ways = choice();
    ways.failed('websocket');
    online = false;
    ways.failed('websocket');
    expect(ways.next).toBe('http');
    ways.failed('http');
    expect(ways.next).toBe('websocket');
  });

  it('is a stream for an hour at most, also where no WebSocket is to be tried again', () => {
    const ways = choice(Infinity);
    failTwice(ways);
    expect(ways.streamWorked()).toBe(LONGEST_MS);
  });

  it('is a WebSocket again when the stream comes to nothing as well', () => {
    const ways = choice();
    failTwice(ways);
    ways.failed('http');
    expect(ways.next).toBe('websocket');
  });

  it('stays a stream that works, also where one is cut, until it is time for a WebSocket', () => {
    const ways = onStreams();
    ways.failed('http');
    nowMs += AGAIN_MS - 1;
    expect(ways.next).toBe('http');
    nowMs += 1;
    expect(ways.next).toBe('websocket');
  });

  it('is a stream after one failure then, and for twice as long, an hour at most', () => {
    const ways = onStreams();
    for (const againMs of [AGAIN_MS, 2 * AGAIN_MS, 4 * AGAIN_MS, LONGEST_MS, LONGEST_MS]) {
      expect(ways.streamWorked()).toBe(againMs);
      nowMs += againMs;
      expect(ways.next).toBe('websocket');
      ways.failed('websocket');
      expect(ways.next).toBe('http');
      ways.streamWorked();
    }
  });

  it('is a WebSocket once one works, for the next page as well', () => {
    const ways = onStreams();
    expect(choice().next).toBe('http');
    ways.webSocketWorked();
    expect([ways.next, choice().next]).toEqual(['websocket', 'websocket']);
  });

  it('is kept for the next page no longer than an hour, whatever the clock says by then', () => {
    onStreams();
    nowMs -= LONGEST_MS;
    expect(choice().next).toBe('websocket');
  });

  it('is a stream for an hour at most, also where the clock is set back by weeks meanwhile', () => {
    const ways = onStreams();
    nowMs -= 30 * 24 * LONGEST_MS;
    expect(ways.next).toBe('websocket');
    expect(ways.streamWorked()).toBe(2 * AGAIN_MS);
    expect(ways.next).toBe('http');
  });

  it('is a WebSocket where the storage throws or holds something else', () => {
    const broken = (): never => {
      throw new Error('forbidden');
    };
    const settings = { webSocketAgainMs: AGAIN_MS, now: () => nowMs };
    expect(new TransportChoice({ ...settings, storage: { getItem: broken, setItem: broken } }).next).toBe(
      'websocket',
    );
    const odd = { getItem: () => 'soon', setItem: broken };
    expect(new TransportChoice({ ...settings, storage: odd }).next).toBe('websocket');
  });
});

describe('a connection', () => {
  it.each<[string, (trial: TransportTrial) => void, boolean[]]>([
    [
      'works once something came',
      (trial) => {
        trial.worked();
        trial.ended();
      },
      [true],
    ],
    [
      'came to nothing when it ends before',
      (trial) => {
        trial.ended();
        trial.worked();
      },
      [false],
    ],
    [
      'says nothing when its client breaks it off early',
      (trial) => {
        trial.dropped();
        trial.ended();
      },
      [],
    ],
    [
      'came to nothing when its client gives it up later',
      (trial) => {
        nowMs += EARLY_MS;
        trial.dropped();
        trial.ended();
      },
      [false],
    ],
    [
      'says nothing when it is excused',
      (trial) => {
        trial.excuse();
        trial.ended();
      },
      [],
    ],
  ])('%s', (_, what, told) => {
    const seen: boolean[] = [];
    what(
      new TransportTrial(
        () => nowMs,
        (works) => seen.push(works),
      ),
    );
    expect(seen).toEqual(told);
  });
});
