import fc from 'fast-check';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BackpressureQueue } from '../../../sidecar/fanout/backpressure-queue';
import { MAX_BATCH_BYTES } from '../../../sidecar/fanout/write-batch';
import { outgoingText, type Outgoing } from '../../../sidecar/fanout/frame';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const textOf = ({ wire, payloadBytes }: Outgoing): string =>
  wire.toString('utf8', wire.length - payloadBytes);
const data = (text: string): Outgoing => ({ ...outgoingText(text, 'note'), kind: 'data' });
const note = (text: string): Outgoing => outgoingText(text, 'note');
const gap = (text: string): Outgoing => outgoingText(text, 'gap');

function textsOf(backlog: BackpressureQueue): string[] {
  const texts: string[] = [];
  while (!backlog.isEmpty) {
    const { items, wire } = backlog.take();
    expect(wire.equals(Buffer.concat(items.map((item) => item.wire)))).toBe(true);
    if (items.length > 1) expect(wire.length).toBeLessThanOrEqual(MAX_BATCH_BYTES);
    texts.push(...items.map(textOf));
  }
  return texts;
}

describe('a backlog', () => {
  it('gives back what came, in order, whatever is taken in between, and counts its bytes', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ size: fc.integer({ min: 5, max: 40_000 }), isNote: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.constant('take' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const backlog = new BackpressureQueue();
        const waiting: Outgoing[] = [];
        const taken: string[] = [];
        const came: string[] = [];
        for (const [index, what] of steps.entries()) {
          if (what === 'take') {
            if (backlog.isEmpty) continue;
            const { items } = backlog.take();
            expect(items.length).toBeGreaterThan(0);
            waiting.splice(0, items.length);
            taken.push(...items.map(textOf));
          } else {
            const text = `${index}`.padEnd(what.size);
            const item = what.isNote ? note(text) : data(text);
            backlog.push(item);
            waiting.push(item);
            came.push(text);
          }
          const notes = waiting.filter(({ kind }) => kind === 'note');
          const bytes = (items: readonly Outgoing[]): number =>
            items.reduce((sum, { wire }) => sum + wire.length, 0);
          expect([backlog.bytes, backlog.noteBytes]).toEqual([bytes(waiting), bytes(notes)]);
          expect([backlog.frames, backlog.isEmpty]).toEqual([
            waiting.length - notes.length,
            waiting.length === 0,
          ]);
        }
        expect([...taken, ...textsOf(backlog)]).toEqual(came);
        expect(backlog.bytes).toBe(0);
      }),
    );
  });

  it('puts the gap where the first frame that is left out was, and keeps every note in order', () => {
    const backlog = new BackpressureQueue();
    const items = [note('ready'), data('0'), note('ack 1'), gap('gap 1'), data('1'), note('ack 2')];
    for (const item of items) backlog.push(item);
    backlog.leaveOut(gap('gap 2'));
    backlog.push(data('2'));
    expect(backlog.frames).toBe(1);
    expect(textsOf(backlog)).toEqual(['ready', 'gap 2', 'ack 1', 'ack 2', '2']);
  });

  it('holds one gap however often frames are left out', () => {
    const backlog = new BackpressureQueue();
    for (let offset = 1; offset < 100; offset += 1) {
      backlog.push(data(`${offset - 1}`));
      backlog.leaveOut(gap(`gap ${offset}`));
    }
    backlog.push(data('99'));
    expect(textsOf(backlog)).toEqual(['gap 99', '99']);
  });

  it('keeps nothing that was taken before when frames are left out', () => {
    const backlog = new BackpressureQueue();
    const large = ' '.repeat(40_000);
    for (const item of [note(`1${large}`), note(`2${large}`), data(`3${large}`), note('4')])
      backlog.push(item);
    backlog.take();
    backlog.leaveOut(gap('gap'));
    expect(textsOf(backlog)).toEqual([`2${large}`, 'gap', '4']);
  });

  it('takes no memory for what is taken, though some always waits', async () => {
    const backlog = new BackpressureQueue();
    const push = (): WeakRef<Outgoing> => {
      const item = data('x'.repeat(MAX_BATCH_BYTES));
      backlog.push(item);
      return new WeakRef(item);
    };
    const items = [push()];
    for (let taken = 0; taken < 50; taken += 1) {
      items.push(push());
      backlog.take();
    }
    await turn();
    collectGarbage();
    expect(items.filter((item) => item.deref() !== undefined).length).toBeLessThan(5);
  });

  it('leaves frames out without a word for a client that is not told of gaps', () => {
    const backlog = new BackpressureQueue();
    for (const item of [data('0'), note('error'), data('1')]) backlog.push(item);
    backlog.leaveOut(undefined);
    expect(textsOf(backlog)).toEqual(['error']);
  });
});
