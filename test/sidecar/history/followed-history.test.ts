import { BEGUN, EPOCH, FarBridge, settled, SharedStream, Visitor } from './shared-stream';

/** All that is on its way arrives. */
async function calm(bridge: FarBridge): Promise<void> {
  await settled();
  for (let round = 0; round < 50; round += 1) {
    bridge.serve();
    bridge.answer();
    bridge.arrive();
    await settled();
  }
}

async function come(visitor: Visitor, bridge: FarBridge): Promise<void> {
  void visitor.come(bridge);
  await calm(bridge);
}

function append(stream: SharedStream, count: number): void {
  for (let left = count; left > 0; left -= 1) stream.append();
}

describe('a replay log of a channel with a history', () => {
  let stream: SharedStream;
  let bridge: FarBridge;
  let alice: Visitor;
  beforeEach(async () => {
    stream = new SharedStream();
    bridge = new FarBridge(stream);
    alice = new Visitor('alice');
    append(stream, 3);
    await come(alice, bridge);
  });

  it('asks nothing of Redis for a client whose point it has, nor for one without a point', async () => {
    append(stream, 2);
    await calm(bridge);
    const readings = stream.readings;
    alice.leave();
    append(stream, 1);
    await calm(bridge);
    await come(alice, bridge);
    await come(new Visitor('alice'), bridge);
    expect([alice.got, stream.readings - readings]).toEqual([[4, 5, 6], 0]);
  });

  it('tells of a gap with reason expired where what was missed is trimmed, and then what is kept', async () => {
    bridge.lose();
    append(stream, 5);
    stream.kept = 2;
    bridge.restore();
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[7, 8], ['expired'], 8]);
    expect(bridge.outcomes).toEqual(['followed', 'recounted']);
  });

  it('tells of a gap with reason redis where the history is another one, and repeats nothing', async () => {
    bridge.lose();
    append(stream, 2);
    stream.epoch = `h${BEGUN}-fedcba9876543210`;
    bridge.restore();
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[6], ['redis'], 6]);
  });

  it('catches up later when Redis does not answer at first', async () => {
    bridge.lose();
    append(stream, 2);
    bridge.restore();
    for (let failures = 0; failures < 5; failures += 1) {
      await settled();
      bridge.failQuestions();
      await settled();
      bridge.wait(500);
    }
    await calm(bridge);
    expect([alice.got, alice.gaps]).toEqual([[4, 5], []]);
  });

  it('tells of a gap when Redis goes on not answering, and takes over the count of the history when it does', async () => {
    bridge.lose();
    append(stream, 2);
    bridge.restore();
    for (let failures = 0; failures < 30; failures += 1) {
      await settled();
      bridge.failQuestions();
      await settled();
      bridge.wait(500);
    }
    expect(alice.gaps).toEqual(['redis']);
    append(stream, 1);
    bridge.arrive();
    expect(alice.got).toEqual([6]);
    bridge.wait(10_000);
    await calm(bridge);
    expect([alice.gaps, alice.offset]).toEqual([['redis', 'unknown'], 6]);
  });

  it('is compared with the history while frames come: one that was published without it is found', async () => {
    append(stream, 1);
    stream.publish('c', '-1');
    await calm(bridge);
    expect(alice.offset).toBe(5);
    bridge.wait(10_000);
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[4, -1, 5], ['unknown'], 5]);
  });

  it('is compared without a word to its clients when the two are the same', async () => {
    append(stream, 4);
    await calm(bridge);
    const readings = stream.readings;
    bridge.wait(10_000);
    append(stream, 4);
    await calm(bridge);
    expect([alice.gaps, alice.offset, stream.readings - readings]).toEqual([[], 11, 1]);
  });

  it('keeps the history for longer while nothing comes, and reads nothing', async () => {
    const readings = stream.readings;
    for (let round = 0; round < 3; round += 1) {
      bridge.wait(10_000);
      await calm(bridge);
    }
    expect([stream.renewals, stream.readings - readings]).toEqual([3, 0]);
  });

  it('reads a history that was lost while nothing came, and goes on with the one that began', async () => {
    stream.isThere = false;
    stream.epoch = `h${Number(BEGUN) + 1}-0123456789abcdef`;
    bridge.wait(10_000);
    await calm(bridge);
    expect(alice.gaps).toEqual(['unknown']);
  });

  it('counts by itself where no history can begin, until one can', async () => {
    const bob = new Visitor('bob');
    stream.refusal = new Error('OOM command not allowed');
    await come(bob, bridge);
    append(stream, 1);
    await calm(bridge);
    expect([bob.got, bob.gaps]).toEqual([[4], []]);
    stream.refusal = undefined;
    bridge.wait(10_000);
    await calm(bridge);
    expect([bob.gaps, bob.offset]).toEqual([['unknown'], 4]);
  });

  it('is refused, and leaves nothing, where Redis refuses anything else', async () => {
    const bob = new Visitor('bob');
    stream.refusal = new Error('NOPERM no permissions to access a key');
    await come(bob, bridge);
    expect([bob.bridge, bridge.logs.size]).toEqual([undefined, 1]);
  });

  it('goes back to no count of an epoch that a client brings from elsewhere', async () => {
    const bob = new Visitor('bob', { epoch: EPOCH, offset: 9 });
    await come(bob, bridge);
    expect([bob.got, bob.gaps, bob.offset]).toEqual([[], ['unknown'], 3]);
  });
});
