import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LogLines } from '../../stdio/log-lines';

/** A target whose reader does as it is told. */
class Reader {
  readonly got: string[] = [];
  isStalled = false;
  failure: Error | undefined;
  #queue: { readonly text: string; readonly done: (error?: Error) => void }[] = [];

  get unwritten(): number {
    return this.#queue.reduce((sum, { text }) => sum + text.length, 0);
  }

  write(text: string, done: (error?: Error) => void): void {
    if (this.failure !== undefined) {
      done(this.failure);
      return;
    }
    this.#queue.push({ text, done });
    if (!this.isStalled) this.read();
  }

  read(): void {
    for (const { text, done } of this.#queue.splice(0)) {
      this.got.push(text);
      done();
    }
  }

  get lines(): readonly string[] {
    return this.got.join('').split('\n').slice(0, -1);
  }
}

let reader: Reader;
let turns: (() => void)[];
let log: LogLines;

beforeEach(() => {
  reader = new Reader();
  turns = [];
  log = new LogLines({
    target: reader,
    maxUnwritten: 20,
    notice: (dropped) => `dropped ${dropped}\n`,
    soon: (callback) => turns.push(callback),
  });
});

function endTurn(): void {
  for (const callback of turns.splice(0)) callback();
}

describe('the lines of a log', () => {
  it('of one turn leave in one write', () => {
    for (const line of ['a\n', 'b\n', 'c\n']) log.write(line);
    expect(reader.got).toEqual([]);
    endTurn();
    log.write('d\n');
    endTurn();
    expect(reader.got).toEqual(['a\nb\nc\n', 'd\n']);
  });

  it('are dropped while nobody reads, and a notice stands where they are missing', () => {
    reader.isStalled = true;
    for (const line of ['first 1\n', 'first 2\n', 'lost 1\n', 'lost 2\n']) log.write(line);
    endTurn();
    // Would fit: but it would be told before the notice.
    log.write('x\n');
    endTurn();
    expect([log.dropped, log.unwritten]).toEqual([3, 16]);
    reader.isStalled = false;
    reader.read();
    endTurn();
    log.write('second\n');
    endTurn();
    expect(reader.lines).toEqual(['first 1', 'first 2', 'dropped 3', 'second']);
    expect(log.dropped).toBe(3);
  });

  it('say that some are missing as soon as they are read again, though no other comes', () => {
    reader.isStalled = true;
    log.write('first line here\n');
    endTurn();
    log.write('lost\n');
    log.write('lost, too\n');
    reader.isStalled = false;
    reader.read();
    endTurn();
    expect(reader.lines).toEqual(['first line here', 'dropped 2']);
  });

  it('that could not be written are counted, and told once they can', () => {
    reader.failure = new Error('ENOSPC');
    log.write('lost 1\n');
    log.write('lost 2\n');
    endTurn();
    log.write('lost 3\n');
    endTurn();
    expect(log.dropped).toBe(3);
    reader.failure = undefined;
    log.write('back\n');
    endTurn();
    expect(reader.lines).toEqual(['dropped 3', 'back']);
  });

  it('that are longer than all that may wait are dropped one by one', () => {
    log.write(`${'x'.repeat(30)}\n`);
    log.write('short\n');
    endTurn();
    expect(reader.lines).toEqual(['dropped 1', 'short']);
  });

  it('are all handed over at the end, what was dropped last of all', () => {
    reader.isStalled = true;
    log.write('first line of it\n');
    log.write('lost\n');
    log.finish();
    reader.read();
    expect(reader.lines).toEqual(['first line of it', 'dropped 1']);
  });

  it('keep their order, and each is either there or told to be missing at its place', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('write' as const) },
      fc.constantFrom('turn' as const, 'stall' as const, 'read' as const, 'fail' as const, 'mend' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        reader = new Reader();
        turns = [];
        const lines = new LogLines({
          target: reader,
          maxUnwritten: 20,
          notice: (dropped) => `dropped ${dropped}\n`,
          soon: (callback) => turns.push(callback),
        });
        let count = 0;
        for (const one of steps) {
          if (one === 'write') lines.write(`${(count += 1)}\n`);
          if (one === 'turn') endTurn();
          if (one === 'stall') reader.isStalled = true;
          if (one === 'read') {
            reader.isStalled = false;
            reader.read();
          }
          if (one === 'fail' && reader.unwritten === 0) reader.failure = new Error('EPIPE');
          if (one === 'mend') reader.failure = undefined;
          expect(lines.unwritten).toBeLessThanOrEqual(20);
        }
        reader.failure = undefined;
        reader.isStalled = false;
        reader.read();
        lines.finish();
        endTurn();
        let last = 0;
        for (const line of reader.lines) {
          const missing = /^dropped (\d+)$/.exec(line)?.[1];
          last += missing === undefined ? 1 : Number(missing);
          if (missing === undefined) expect(line).toBe(`${last}`);
        }
        expect(last).toBe(count);
      }),
      { numRuns: 500 },
    );
  });
});
