import fc from 'fast-check';
import { EventParser, type StreamEvent } from '../../client/src/event-parser.ts';

function parsed(...pieces: string[]): StreamEvent[] {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.take(piece));
}

describe('an event', () => {
  it.each([
    ['has its data', 'data: a\n\n', [{ type: 'message', data: 'a' }]],
    ['has its type', 'event: ready\ndata: {}\n\n', [{ type: 'ready', data: '{}' }]],
    ['joins its lines with LF', 'data: a\ndata:  b\ndata\n\n', [{ type: 'message', data: 'a\n b\n' }]],
    [
      'without data is none, and leaves no type behind',
      'event: x\n\ndata: a\n\n',
      [{ type: 'message', data: 'a' }],
    ],
    ['needs no space behind the colon', 'data:a\n\n', [{ type: 'message', data: 'a' }]],
    ['may have colons in its data', 'data: a: b\n\n', [{ type: 'message', data: 'a: b' }]],
    [
      'ends its lines with CR LF, with CR or with LF',
      'event: x\r\ndata: a\rdata: b\n\r\n',
      [{ type: 'x', data: 'a\nb' }],
    ],
    ['is none that has not ended', 'data: a\n', []],
    [
      'leaves comments, ids, times and unknown fields out',
      ':\nid: 1\nretry: 5\nfoo: bar\ndata: a\n\n',
      [{ type: 'message', data: 'a' }],
    ],
    ['may hold U+2028, which ends no line', 'data: a\u2028b\n\n', [{ type: 'message', data: 'a\u2028b' }]],
  ])('%s', (_, text, events) => {
    expect(parsed(text)).toEqual(events);
  });

  it('is the same in whatever pieces it comes', () => {
    const line = fc.stringMatching(/^[a-z :\u00e9]{0,8}$/);
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const text = fc.array(fc.tuple(fc.constantFrom('data: ', 'event: ', ':', ''), line, end), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, fc.array(fc.nat(6), { minLength: 1 }), (lines, sizes) => {
        const whole = `${lines.map((parts) => parts.join('')).join('')}\n\n`;
        const pieces: string[] = [];
        for (let at = 0, i = 0; at < whole.length; i += 1) {
          const size = (sizes[i % sizes.length] ?? 0) + 1;
          pieces.push(whole.slice(at, at + size));
          at += size;
        }
        expect(parsed(...pieces)).toEqual(parsed(whole));
      }),
    );
  });

  it('looks at each character of a long line once, however many pieces it comes in', () => {
    const parser = new EventParser();
    const split = jest.spyOn(String.prototype, 'split');
    for (let piece = 0; piece < 100; piece += 1) parser.take('data: '.repeat(100));
    const looked = split.mock.contexts.reduce<number>((sum, text) => sum + String(text).length, 0);
    split.mockRestore();
    expect(looked).toBe(60_000);
    expect(parser.take('\r\n\r\n')[0]?.data).toHaveLength(60_000 - 6);
  });
});
