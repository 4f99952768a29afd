import { faultsOf } from './traffic';

describe('the account of frames', () => {
  it.each([
    ['all there', [1, 2, 3], { silent: [], twice: [], late: [] }],
    ['one missing', [1, 3], { silent: [2], twice: [], late: [] }],
    ['one missing with a gap in its place', [1, 'redis', 3], { silent: [], twice: [], late: [] }],
    ['one missing with a gap too early', ['redis', 1, 3], { silent: [2], twice: [], late: [] }],
    ['one missing with a gap too late', [1, 3, 'redis'], { silent: [2], twice: [], late: [] }],
    ['one twice', [1, 2, 2, 3], { silent: [], twice: [2], late: [] }],
    ['one late', [1, 3, 2], { silent: [], twice: [], late: [2] }],
    ['one that Redis did not confirm', [1, 2, 4, 3], { silent: [], twice: [], late: [] }],
  ])('%s', (_, items, faults) => {
    expect(faultsOf(items, items.includes(4) ? [1, 2, 3].slice(0, 2) : [1, 2, 3])).toEqual(faults);
  });

  it('takes what Redis did not confirm for no sign of where a missing one belongs', () => {
    // 2 was given up, and sent by the client library all the same once 3 and 4 were.
    expect(faultsOf([1, 'redis', 2, 5], [1, 3, 4, 5]).silent).toEqual([]);
    expect(faultsOf([1, 2, 5, 'redis'], [1, 3, 4, 5]).silent).toEqual([3, 4]);
  });
});
