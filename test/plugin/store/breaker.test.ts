import { describe, expect, it } from '@jest/globals';
import { BREAKER_FAILURES, BREAKER_RETRY_MS } from '../../../plugin/lib/breaker';
import { breaker } from '../../../plugin/store/breaker';
import { StoreUnreachableError, type StoreAnswer } from '../../../plugin/store/store';

const query = { limits: [], revocationKey: undefined };
const answer: StoreAnswer = { admitted: true, states: [], revoked: false };

function setup() {
  const state = { now: 0, down: false, asked: 0, changes: [] as boolean[] };
  const store = breaker(
    {
      ask() {
        state.asked += 1;
        return state.down ? Promise.reject(new StoreUnreachableError('down')) : Promise.resolve(answer);
      },
    },
    () => state.now,
    (open) => state.changes.push(open),
  );
  const fails = () => expect(store.ask(query)).rejects.toThrow(StoreUnreachableError);
  return { state, store, fails };
}

describe('a store that does not answer', () => {
  it('is not asked any more after some failures, then by one upgrade a second, and fully once it answers', async () => {
    const { state, store, fails } = setup();
    state.down = true;
    for (let i = 0; i < BREAKER_FAILURES + 10; i += 1) await fails();
    expect(state.asked).toBe(BREAKER_FAILURES);
    state.now += BREAKER_RETRY_MS;
    await Promise.all([fails(), fails(), fails()]);
    expect(state.asked).toBe(BREAKER_FAILURES + 1);
    state.down = false;
    state.now += BREAKER_RETRY_MS;
    await expect(store.ask(query)).resolves.toEqual(answer);
    await expect(store.ask(query)).resolves.toEqual(answer);
    expect(state.changes).toEqual([true, false]);
  });

  it('is asked on after a single failure', async () => {
    const { state, store, fails } = setup();
    for (let i = 0; i < 10; i += 1) {
      state.down = true;
      await fails();
      state.down = false;
      await store.ask(query);
    }
    expect(state.changes).toEqual([]);
  });
});
