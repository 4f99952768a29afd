const { default: TestSequencer } = require('@jest/test-sequencer');

/** Their files wait in real time for processes: the last of them would keep one worker while the others have nothing to do. */
const SLOW = /[\\/]test[\\/](?:fault|page|e2e|dev)[\\/]/;

/** Jest's own order, which without its cache goes by the size of files, with those that take long first. */
module.exports = class SlowestFirst extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    return [
      ...sorted.filter(({ path }) => SLOW.test(path)),
      ...sorted.filter(({ path }) => !SLOW.test(path)),
    ];
  }
};
