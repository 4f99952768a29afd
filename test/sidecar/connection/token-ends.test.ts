import { beforeEach, describe, expect, it } from '@jest/globals';
import { RETURN_BEFORE_EXPIRY_MS } from '../../../protocol/return-key';
import { TokenEnds, type TokenHolder } from '../../../sidecar/connection/token-ends';
import type { Timer } from '../../../sidecar/lib/timer-wheel';

const TICK_MS = 250;
const HOUR_MS = 3_600_000;

let wallMs: number;
let monotonicMs: number;
let ends: TokenEnds;
let told: string[];
let timer: Timer;

beforeEach(() => {
  [wallMs, monotonicMs, told] = [1_800_000_000_000, 1000, []];
  ends = new TokenEnds(TICK_MS, 512, { now: () => wallMs, monotonicMs: () => monotonicMs });
});

const holder: TokenHolder = {
  tokenNearsEnd: () => told.push('near'),
  tokenEnded: () => told.push('ended'),
};

function add(leftMs: number): void {
  timer = ends.add(wallMs + leftMs, holder);
}

function pass(ms: number): void {
  wallMs += ms;
  monotonicMs += ms;
  ends.advance();
}

describe('the end of a token', () => {
  it('is told a minute before and when it is there, each once', () => {
    add(RETURN_BEFORE_EXPIRY_MS + 10_000);
    pass(9000);
    expect(told).toEqual([]);
    pass(1000 + TICK_MS);
    expect(told).toEqual(['near']);
    pass(RETURN_BEFORE_EXPIRY_MS - 1000);
    expect(told).toEqual(['near']);
    pass(1000);
    expect(told).toEqual(['near', 'ended']);
    expect(ends.size).toBe(0);
    pass(HOUR_MS);
    expect(told).toEqual(['near', 'ended']);
  });

  it('is not told before where less is left', () => {
    add(RETURN_BEFORE_EXPIRY_MS);
    pass(RETURN_BEFORE_EXPIRY_MS - 1000);
    expect(told).toEqual([]);
    pass(1000 + TICK_MS);
    expect(told).toEqual(['ended']);
  });

  it('is told in one turn when both are found late', () => {
    add(RETURN_BEFORE_EXPIRY_MS + 10_000);
    pass(HOUR_MS);
    expect(told).toEqual(['near', 'ended']);
    expect(ends.size).toBe(0);
  });

  it('is not put off by a wall clock that is set back, before its last minute or in it', () => {
    add(RETURN_BEFORE_EXPIRY_MS + 10_000);
    wallMs -= HOUR_MS;
    pass(10_000 + TICK_MS);
    expect(told).toEqual(['near']);
    wallMs -= HOUR_MS;
    pass(RETURN_BEFORE_EXPIRY_MS);
    expect(told).toEqual(['near', 'ended']);
  });

  it('comes when the wall clock is set on', () => {
    add(RETURN_BEFORE_EXPIRY_MS + HOUR_MS);
    wallMs += HOUR_MS;
    pass(TICK_MS);
    expect(told).toEqual(['near']);
    wallMs += HOUR_MS;
    pass(TICK_MS);
    expect(told).toEqual(['near', 'ended']);
  });

  it.each([0, 10_000 + TICK_MS])('is told nobody once it is cancelled, after %d ms', (afterMs) => {
    add(RETURN_BEFORE_EXPIRY_MS + 10_000);
    pass(afterMs);
    told = [];
    timer.cancel();
    expect(ends.size).toBe(0);
    pass(HOUR_MS);
    expect(told).toEqual([]);
  });
});
