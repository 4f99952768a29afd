import { beforeEach, describe, expect, it } from '@jest/globals';
import { CLOSE_TIMEOUT_MS, Term } from '../../../sidecar/connection/term';
import { TokenEnds } from '../../../sidecar/connection/token-ends';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';

const TICK_MS = 250;
const TOKEN_MS = 900_000;

let nowMs: number;
let wheel: TimerWheel;
let tokenEnds: TokenEnds;
let told: string[];
let term: Term;

beforeEach(() => {
  [nowMs, told] = [1_800_000_000_000, []];
  const now = (): number => nowMs;
  wheel = new TimerWheel(TICK_MS, 512, nowMs);
  tokenEnds = new TokenEnds(TICK_MS, 512, { now, monotonicMs: now });
  const holder = {
    tokenNearsEnd: () => told.push('nears end'),
    tokenEnded: () => told.push('token ended'),
    retire: () => told.push('retires'),
    closeTimedOut: () => told.push('close timed out'),
  };
  term = new Term({ wheel, tokenEnds, now, monotonicMs: now }, holder, (nowMs + TOKEN_MS) / 1000);
  term.begin();
});

function pass(ms: number): void {
  nowMs += ms;
  wheel.advance(nowMs);
  tokenEnds.advance();
}

describe('the term of a connection', () => {
  it('is over with its token', () => {
    pass(TOKEN_MS - TICK_MS);
    expect(told).toEqual(['nears end']);
    pass(TICK_MS);
    expect(told).toEqual(['nears end', 'token ended']);
  });

  it('is over when the bridge restarts', () => {
    term.retireAt(nowMs + 1000);
    pass(1000);
    expect(told).toEqual(['retires']);
  });

  it('is over when it is to be judged anew, at the first such time', () => {
    term.reauthorizeAt(nowMs + 1000);
    term.reauthorizeAt(nowMs + 5000);
    pass(1000);
    expect(told).toEqual(['token ended']);
    pass(TOKEN_MS);
    expect(told).toEqual(['token ended']);
  });

  it('ends with its token where that is sooner than the time to judge it anew', () => {
    term.reauthorizeAt(nowMs + TOKEN_MS + 1000);
    pass(TOKEN_MS);
    expect(told).toContain('token ended');
  });

  it('is as long as the closing handshake may take once it is closing', () => {
    term.cutLater();
    pass(CLOSE_TIMEOUT_MS - TICK_MS);
    expect(told).toEqual([]);
    pass(TICK_MS);
    expect(told).toEqual(['close timed out']);
    pass(TOKEN_MS);
    expect(told).toEqual(['close timed out']);
  });

  it('leaves no timer once it is cancelled', () => {
    term.retireAt(nowMs + 1000);
    term.cancel();
    expect([wheel.size, tokenEnds.size]).toEqual([0, 0]);
    term.cutLater();
    term.cancel();
    expect(wheel.size).toBe(0);
  });
});
