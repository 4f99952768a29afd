import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asksForEventStream } from '../../protocol/accept';
import { cpuTimeMs } from '../fakes/cpu-time';

describe('an Accept asks for an event stream', () => {
  it.each([
    ['text/event-stream'],
    ['TEXT/Event-Stream'],
    ['text/event-stream;charset=utf-8'],
    ['text/event-stream ; q=0.5'],
    ['text/event-stream;Q=1.000'],
    ['text/event-stream;q=1'],
    ['text/event-stream;q=0.255'],
    ['text/event-stream;xq=0;qx=0'],
    ['application/json, text/event-stream'],
    ['text/html;level="a,b;c", text/event-stream'],
    ['text/event-stream;q=0, text/event-stream'],
  ])('where it names one: %s', (accept) => {
    expect(asksForEventStream([accept])).toBe(true);
  });

  it('also in a second header', () => {
    expect(asksForEventStream(['text/html', 'text/event-stream'])).toBe(true);
  });
});

describe('an Accept asks for no event stream', () => {
  it.each([
    [''],
    ['*/*'],
    ['text/*'],
    ['text/event-stream;q=0'],
    ['text/event-stream; q=0.000'],
    ['text/event-stream;q=0.5;q=0'],
    ['text/event-stream;q='],
    ['text/event-stream;q=2'],
    ['text/event-stream;q =1'],
    ['text/event-stream;q=2q=1'],
    ['text/event-stream"a"'],
    ['text/plain;a="\\x, text/event-stream,"'],
    ['text/event-stream;q=0.0001'],
    ['text/event-streams'],
    ['text/plain;a="text/event-stream"'],
    ['text/plain;a=", text/event-stream,"'],
    ['text/plain;a="\\", text/event-stream"'],
    ['text/plain;a=", text/event-stream'],
  ])('where it does not name one, or weighs it with 0: %s', (accept) => {
    expect(asksForEventStream([accept])).toBe(false);
  });

  it('when it is missing', () => {
    expect(asksForEventStream([])).toBe(false);
  });
});

it('a long Accept of quotes that do not end is read in one pass', async () => {
  const read = (): void => {
    expect(asksForEventStream([`"${'\\"'.repeat(200_000)}`])).toBe(false);
  };
  expect(await cpuTimeMs(read)).toBeLessThan(1_000);
});

it('any Accept is read without a fault, and two headers as one that is joined', () => {
  const piece = fc.constantFrom('text/event-stream', '*/*', ';', ',', 'q=0', 'q=1', '"', '\\', ' ', 'é');
  fc.assert(
    fc.property(fc.array(piece), fc.array(piece), (one, other) => {
      const [first, second] = [one.join(''), other.join('')];
      expect(asksForEventStream([first, second])).toBe(asksForEventStream([`${first},${second}`]));
    }),
  );
});
