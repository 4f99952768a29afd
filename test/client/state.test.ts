import {
  initialState,
  reduce,
  type State,
  type StateContext,
  type StateEvent,
} from '../../client/src/state.ts';

const LIMITS = {
  backoffBaseMs: 1_000,
  backoffCapMs: 30_000,
  stableMs: 60_000,
  offlineRetryMs: 5_000,
  retryAfterCapMs: 300_000,
  maxAttempts: Infinity,
};

/** The state after these events, each at its own time. */
function after(events: readonly (StateEvent & { readonly atMs?: number })[], online = true): State {
  return events.reduce((state, event) => reduce(state, event, at(event.atMs ?? 0)), initialState(online));
}

function at(nowMs: number, random = 0.5): StateContext {
  return { ...LIMITS, nowMs, random };
}

const OPENED = [{ type: 'ready' }] as const;
const LATER = 'reconnect-later';

describe('the state of a client', () => {
  it('is connecting, with a connection in the making, until the first is ready', () => {
    expect(after([])).toMatchObject({ status: 'connecting', next: 'opening' });
    expect(after([{ type: 'failed', then: LATER }])).toMatchObject({ status: 'connecting', next: 500 });
    expect(after(OPENED)).toMatchObject({ status: 'open', next: undefined });
  });

  it('is reconnecting once the open connection is lost, and open again when the next is ready', () => {
    const lost = after([...OPENED, { type: 'lost', then: LATER, atMs: 10 }]);
    expect(lost).toMatchObject({ status: 'reconnecting', next: 510 });
    const opening = reduce(lost, { type: 'retry' }, at(510));
    expect(opening).toMatchObject({ status: 'reconnecting', next: 'opening' });
    expect(reduce(opening, { type: 'ready' }, at(511))).toMatchObject({ status: 'open', next: undefined });
  });

  it('doubles the delay with each attempt in a row', () => {
    let state = after([...OPENED, { type: 'lost', then: LATER }]);
    const delays = [state.next];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      state = reduce(reduce(state, { type: 'retry' }, at(0)), { type: 'failed', then: LATER }, at(0));
      delays.push(state.next);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  it('goes on doubling when a connection lasts less than a stable minute, and begins anew after one', () => {
    const shaky: readonly (StateEvent & { readonly atMs?: number })[] = [
      { type: 'failed', then: LATER },
      { type: 'failed', then: LATER },
      { type: 'ready', atMs: 1_000 },
    ];
    expect(after([...shaky, { type: 'lost', then: LATER, atMs: 60_999 }]).next).toBe(62_999);
    expect(after([...shaky, { type: 'lost', then: LATER, atMs: 61_000 }]).next).toBe(61_500);
  });

  it.each(['lost', 'failed'] as const)(
    'is closed, with nothing to come, when a connection %s and may not come back',
    (type) => {
      const closed = after([...OPENED, { type: 'renew' }, { type, then: 'stop' }]);
      expect(closed).toMatchObject({ status: 'closed', next: undefined });
    },
  );

  it.each<StateEvent>([
    { type: 'ready' },
    { type: 'lost', then: LATER },
    { type: 'failed', then: LATER },
    { type: 'renew' },
    { type: 'retry' },
    { type: 'reconnect' },
    { type: 'online' },
    { type: 'offline' },
    { type: 'visible' },
  ])('stays closed after $type', (event) => {
    const closed = after([...OPENED, { type: 'close' }]);
    expect(closed.status).toBe('closed');
    expect(reduce(closed, event, at(0))).toBe(closed);
  });

  it('stays open while another connection is made to take over', () => {
    const renewing = after([...OPENED, { type: 'renew' }]);
    expect(renewing).toMatchObject({ status: 'open', next: 'opening' });
    expect(reduce(renewing, { type: 'failed', then: LATER }, at(0))).toMatchObject({
      status: 'open',
      next: 500,
    });
  });

  it('needs no second connection when the open one is lost while another is in the making', () => {
    const state = after([...OPENED, { type: 'renew' }, { type: 'lost', then: 'renew-token' }]);
    expect(state).toMatchObject({ status: 'reconnecting', next: 'opening' });
  });

  it('does not shorten a delay to renew', () => {
    const state = after([...OPENED, { type: 'renew' }, { type: 'failed', then: LATER }, { type: 'renew' }]);
    expect(state.next).toBe(500);
  });

  it('forgets earlier attempts when it renews a connection that was stable', () => {
    const shaky: readonly StateEvent[] = [
      { type: 'failed', then: LATER },
      { type: 'failed', then: LATER },
      ...OPENED,
    ];
    const renewed = after([...shaky, { type: 'renew', atMs: 60_000 }]);
    expect(reduce(renewed, { type: 'failed', then: LATER }, at(60_000)).next).toBe(60_500);
  });

  it('goes on trying while offline, at least five seconds apart: it is a hint', () => {
    expect(after([], false).next).toBe('opening');
    const offline = after([...OPENED, { type: 'offline' }]);
    for (const type of ['renew', 'retry'] as const) {
      expect(reduce(offline, { type }, at(0)).next).toBe('opening');
    }
    const lost = reduce(offline, { type: 'lost', then: LATER }, at(0));
    expect(lost).toMatchObject({ status: 'reconnecting', next: 5_500 });
    expect(reduce(lost, { type: 'failed', then: 'renew-token' }, at(0)).next).toBe(6_000);
    expect(reduce(reduce(lost, { type: 'online' }, at(0)), { type: 'failed', then: LATER }, at(0)).next).toBe(
      1_000,
    );
  });

  it('leaves a connection in the making, or a delay, as it is when it goes offline', () => {
    expect(after([{ type: 'offline' }]).next).toBe('opening');
    expect(after([{ type: 'failed', then: LATER }, { type: 'offline' }]).next).toBe(500);
  });

  it('waits as long as the peer asks for, and a random while more, up to a cap', () => {
    const failed = (retryAfterMs: number): State => after([{ type: 'failed', then: LATER, retryAfterMs }]);
    expect(failed(7_000).next).toBe(7_500);
    expect(failed(1e308).next).toBe(300_500);
  });

  it('is closed after maxAttempts failures in a row, counted since there was an open connection', () => {
    const limited: StateContext = { ...at(0), maxAttempts: 2 };
    const steps = (events: readonly StateEvent[]): State =>
      events.reduce((state, event) => reduce(state, event, limited), initialState(true));
    const failed: StateEvent = { type: 'failed', then: LATER };
    const lost: StateEvent = { type: 'lost', then: LATER };
    expect(steps([failed]).status).toBe('connecting');
    expect(steps([failed, failed]).status).toBe('closed');
    expect(steps([failed, ...OPENED, lost, failed]).status).toBe('reconnecting');
    expect(steps([failed, ...OPENED, lost, failed, failed]).status).toBe('closed');
    expect(steps([failed, { type: 'reconnect' }, failed]).status).toBe('connecting');
    expect(steps([...OPENED, { type: 'renew' }, failed, failed, failed]).status).toBe('open');
  });

  it('begins anew, at once, when the application says so', () => {
    const tried = after(Array<StateEvent>(9).fill({ type: 'failed', then: LATER }));
    const again = reduce(tried, { type: 'reconnect' }, at(0));
    expect(again).toMatchObject({ status: 'connecting', next: 'opening' });
    expect(reduce(again, { type: 'failed', then: LATER }, at(0)).next).toBe(500);
    expect(after([...OPENED, { type: 'reconnect' }])).toMatchObject({ status: 'open', next: 'opening' });
  });

  it('connects soon when it is online again, as its neighbours are, also beside an open connection that may be dead', () => {
    const lost = after([...OPENED, { type: 'offline' }, { type: 'lost', then: LATER }]);
    const nexts = [0, 0.25, 0.999].map((random) => reduce(lost, { type: 'online' }, at(10, random)).next);
    expect(nexts).toEqual([10, 260, 1_009]);
    expect(after([...OPENED, { type: 'offline' }, { type: 'online' }])).toMatchObject({
      status: 'open',
      next: 500,
    });
  });

  it('ends a delay when the tab can be seen again, and does nothing when there is none', () => {
    expect(after([...OPENED, { type: 'lost', then: LATER }, { type: 'visible' }]).next).toBe('opening');
    expect(after([...OPENED, { type: 'visible' }]).next).toBeUndefined();
  });
});
