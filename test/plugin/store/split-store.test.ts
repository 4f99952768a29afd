import { describe, expect, it } from '@jest/globals';
import type { AppliedLimit } from '../../../plugin/store/limits';
import { splitStore } from '../../../plugin/store/split-store';
import { StoreRefusedError, StoreUnreachableError, type Store } from '../../../plugin/store/store';

const LIMIT: AppliedLimit = { key: 'k', slot: '{t}', rate: { limit: 1, windowSeconds: 1, burst: 0 } };
const BOTH = { limits: [LIMIT], revocationKey: 'blacklist:j' };

const admitting: Store = { ask: () => Promise.resolve({ admitted: true, states: [], revoked: false }) };
const failing = (fault: Error): Store => ({ ask: () => Promise.reject(fault) });
const silent = (name: string): Store => failing(new StoreUnreachableError(name));
const refusing = failing(new StoreRefusedError('OOM'));

describe('limits in one store and revoked tokens in another', () => {
  it('are unreachable when neither answers', async () => {
    await expect(splitStore(silent('limits'), silent('tokens')).ask(BOTH)).rejects.toThrow(
      new StoreUnreachableError('limits'),
    );
  });

  it.each([
    ['the limits', { ...BOTH, revocationKey: undefined }, silent('away'), admitting],
    ['the tokens', { ...BOTH, limits: [] }, admitting, silent('away')],
  ])('are unreachable when %s alone are asked and do not answer', async (_, query, limits, tokens) => {
    await expect(splitStore(limits, tokens).ask(query)).rejects.toThrow(new StoreUnreachableError('away'));
  });

  it('take nothing from each other when one does not answer', async () => {
    expect(await splitStore(silent('away'), admitting).ask(BOTH)).toEqual({
      admitted: true,
      states: [],
      uncounted: [LIMIT],
      revoked: false,
    });
    expect(await splitStore(admitting, silent('away')).ask(BOTH)).toEqual({
      admitted: true,
      states: [],
      revoked: undefined,
    });
  });

  it('have answered when one refuses, though the other does not answer', async () => {
    expect(await splitStore(refusing, silent('away')).ask(BOTH)).toEqual({
      admitted: true,
      states: [],
      uncounted: [LIMIT],
      revoked: undefined,
    });
  });
});
