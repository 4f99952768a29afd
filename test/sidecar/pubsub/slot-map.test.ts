import { addressText } from '../../../redis/url';
import { mergeViews, parseAddress, type ClusterView } from '../../../sidecar/pubsub/slot-map';
import { keySlot, SLOT_COUNT } from '../../../redis/key-slot';

function view(masterId: string, epoch: number, first = 0, last = SLOT_COUNT - 1): ClusterView {
  const address = { host: masterId, port: 1 };
  return { ranges: [{ first, last, masterId, address }], epochs: new Map([[masterId, epoch]]) };
}

describe('the map of a cluster', () => {
  it('believes the claim with the greatest configuration epoch, whoever speaks first', () => {
    const [stale, fresh] = [view('old', 3), view('new', 4)];
    for (const views of [
      [stale, fresh],
      [fresh, stale],
      [stale, fresh, stale],
    ]) {
      expect(new Set(mergeViews(views))).toEqual(new Set(['new:1']));
    }
  });

  it('goes slot by slot, and leaves out those that nobody serves', () => {
    const map = mergeViews([view('a', 1, 0, 9), view('b', 2, 5, 6)]);
    expect(map.slice(0, 11)).toEqual([
      ...Array.from({ length: 5 }, () => 'a:1'),
      ...['b:1', 'b:1', 'a:1', 'a:1', 'a:1', undefined],
    ]);
    expect(map).toHaveLength(SLOT_COUNT);
  });

  it('reads the addresses that it writes', () => {
    const address = { host: 'fd00::1', port: 7000 };
    expect(parseAddress(addressText(address))).toEqual(address);
  });
});

describe('the slot of a channel', () => {
  // Redis Cluster specification, "Keys distribution model": CRC16 of "123456789" is 31C3.
  it.each([
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['{foo}:bar', 12_182],
    ['a{foo}{bar}', 12_182],
    ['{}{foo}', 2263],
    ['', 0],
  ])('%p is %i', (key, slot) => {
    expect(keySlot(key)).toBe(slot);
  });

  it('is that of the whole when the first braces hold nothing', () => {
    expect(keySlot('{}{foo}')).not.toBe(keySlot('foo'));
  });
});
