import { historyEpoch, historyOf } from '../../../sidecar/history/history-epoch';
import { MAX_READS, type HistoryQuestion } from '../../../sidecar/history/histories';
import { bridgeOf, parseResumePoint } from '../../../sidecar/resume/resume-point';
import { CHANNEL, EPOCH, FarBridge, PLACE, settled, SharedStream } from './shared-stream';

function question(tenant: string): HistoryQuestion {
  return { place: PLACE, tenant, asked: undefined, urgency: 'awaited', isWanted: () => true };
}

describe("a history's epoch", () => {
  it('says when it began and which server has written it, and is that of no bridge', () => {
    const epoch = historyEpoch('1764240000000000', '0123456789abcdef0123456789abcdef01234567');
    expect(epoch).toBe(EPOCH);
    expect(historyOf(epoch)).toEqual({ begun: '1764240000000000', dataset: '0123456789abcdef' });
    expect(bridgeOf(epoch)).toBeUndefined();
    expect(parseResumePoint(`${epoch}.12`)).toEqual({ epoch, offset: 12 });
  });

  it.each(['0123456789abcdef_1', 'h-0123456789abcdef', 'h12-xyz', ''])('is not %j', (epoch) => {
    expect(historyOf(epoch)).toBeUndefined();
  });
});

describe('histories', () => {
  it('are read a bounded number at once', async () => {
    const stream = new SharedStream();
    const bridge = new FarBridge(stream);
    let taken = 0;
    const all = Array.from({ length: MAX_READS + 8 }, (_, number) =>
      bridge.histories.read(question(`tenant ${number % 4}`), () => (taken += 1)),
    );
    await settled();
    all.forEach(() => {
      bridge.serve();
    });
    expect(stream.readings).toBe(MAX_READS);
    expect(bridge.histories.size).toBe(all.length);
    for (let round = 0; round < 2 * all.length; round += 1) {
      bridge.serve();
      bridge.answer();
      bridge.arrive();
      await settled();
    }
    await Promise.all(all);
    expect([taken, bridge.histories.size, bridge.members(CHANNEL).size]).toEqual([all.length, 0, 0]);
  });

  it('are not taken when the subscription is lost between the marker and the answer', async () => {
    const stream = new SharedStream();
    const bridge = new FarBridge(stream);
    const reading = bridge.histories.read(question('acme'), () => {
      throw new Error('expected nothing to be taken');
    });
    await settled();
    bridge.serve();
    bridge.arrive();
    bridge.lose();
    bridge.restore();
    bridge.answer();
    await expect(reading).rejects.toThrow('the subscription was lost');
  });
});
