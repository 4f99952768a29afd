import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AskedReplayGuard } from '../../../sidecar/workers/asked-guard';
import type { ToPrimary } from '../../../sidecar/workers/messages';

const TIMEOUT_MS = 500;

let said: ToPrimary[];
let guard: AskedReplayGuard;

beforeEach(() => {
  jest.useFakeTimers();
  said = [];
  guard = new AskedReplayGuard((message) => void said.push(message), TIMEOUT_MS);
});
afterEach(() => {
  jest.useRealTimers();
});

/** Ends the turn of the event loop. */
function endTurn(): void {
  jest.advanceTimersByTime(0);
}

describe('a worker that asks its primary', () => {
  it('asks for all assertions of a turn in one message, and hands each its own verdict', async () => {
    const [one, other] = [guard.accept('a', 100), guard.accept('b', 101)];
    endTurn();
    expect(said).toEqual([
      {
        type: 'accept',
        ask: 1,
        assertions: [
          ['a', 100],
          ['b', 101],
        ],
      },
    ]);
    guard.take({ type: 'accepted', ask: 1, verdicts: ['first', 'replayed'] });
    expect(await Promise.all([one, other])).toEqual(['first', 'replayed']);
  });

  it('tells the answers to two questions apart', async () => {
    const one = guard.accept('a', 100);
    endTurn();
    const other = guard.accept('b', 100);
    endTurn();
    guard.take({ type: 'accepted', ask: 2, verdicts: ['full'] });
    guard.take({ type: 'accepted', ask: 1, verdicts: ['first'] });
    expect(await Promise.all([one, other])).toEqual(['first', 'full']);
  });

  it('accepts nothing that is not answered in time, nor once the answer comes late', async () => {
    const one = guard.accept('a', 100);
    endTurn();
    jest.advanceTimersByTime(TIMEOUT_MS);
    guard.take({ type: 'accepted', ask: 1, verdicts: ['first'] });
    expect(await one).toBe('away');
  });

  it('accepts nothing that the answer leaves out', async () => {
    const [one, other] = [guard.accept('a', 100), guard.accept('b', 100)];
    endTurn();
    guard.take({ type: 'accepted', ask: 1, verdicts: ['first'] });
    expect(await Promise.all([one, other])).toEqual(['first', 'away']);
  });
});
