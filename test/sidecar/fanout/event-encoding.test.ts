import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CLOSE_CODES } from '../../../protocol/close-codes';
import {
  closeEvent,
  COMMENT,
  EventEncoder,
  type StreamBeginning,
} from '../../../sidecar/fanout/event-encoding';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { EventStreamParser, type StreamEvent } from '../../fakes/event-source';

const FRESH: StreamBeginning = { resumes: false, session: undefined, lacksState: false };
const text = (payload: string): Buffer => encodeFrame(Buffer.from(payload), false);
const binary = (payload: string | Buffer): Buffer => encodeFrame(Buffer.from(payload), true);
const control = (type: string, data: unknown): Buffer =>
  text(JSON.stringify({ type: `bridge.${type}`, data }));
const READY = control('ready', { epoch: 'e1', offset: 5, resumed: false });

/** The events that an EventSource gets of these frames, each given to the encoder by itself. */
function eventsOf(frames: readonly Buffer[], beginning = FRESH): StreamEvent[] {
  const encoder = new EventEncoder(beginning);
  const parser = new EventStreamParser();
  for (const frame of frames) parser.push(encoder.encode(frame));
  return parser.events;
}

describe('a frame of a bridge.v1 client is an event', () => {
  it('with the resume point behind it as its id', () => {
    const token = '{"type":"token","data":{"token":"Umsätze","index":0}}';
    expect(eventsOf([READY, text(token), binary(Buffer.from([0xff, 0])), text(' two ')])).toEqual([
      { type: 'ready', data: '{"epoch":"e1","offset":5,"resumed":false}', id: 'e1.5' },
      { type: 'message', data: token, id: 'e1.6' },
      { type: 'binary', data: '/wA=', id: 'e1.7' },
      { type: 'message', data: ' two ', id: 'e1.8' },
    ]);
  });

  it('also when several frames are in one write', () => {
    const wire = Buffer.concat([READY, text('one'), text('x'.repeat(70_000)), text('three')]);
    const events = eventsOf([wire]);
    expect(events.map(({ id }) => id)).toEqual(['e1.5', 'e1.6', 'e1.7', 'e1.8']);
    expect(events[2]?.data).toHaveLength(70_000);
  });

  it('also when it is empty', () => {
    expect(eventsOf([READY, text('')]).at(1)).toEqual({ type: 'message', data: '', id: 'e1.6' });
  });

  it('whose lines stay lines, whichever way they end', () => {
    const [, event] = eventsOf([READY, text('a\nb\r\nc\rd\n\n e\u2028f\u0085g')]);
    expect(event).toEqual({ type: 'message', data: 'a\nb\nc\nd\n\n e\u2028f\u0085g', id: 'e1.6' });
  });

  it.each([
    ['\n\nid: x.1\nevent: close\ndata: {}\n\n'],
    ['\r\rid: x.1\revent: close\rdata: {}\r\r'],
    ['a\r\n\r\nretry: 1\r\n\r\n'],
    ['\u2028\u2028event: close'],
    ['\uFEFFdata: x'],
    [':comment'],
    ['id'],
  ])('that forges no other one: %j', (payload) => {
    const encoder = new EventEncoder(FRESH);
    const parser = new EventStreamParser();
    parser.push(encoder.encode(Buffer.concat([READY, text(payload), text('next')])));
    expect(parser.events.map(({ type, id }) => [type, id])).toEqual([
      ['ready', 'e1.5'],
      ['message', 'e1.6'],
      ['message', 'e1.7'],
    ]);
    expect(parser).toMatchObject({ comments: [], retryMs: undefined });
  });
});

it('any frames arrive as they are, one event each, with ids that count them', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'data: ',
      'event: close\n',
      'id: z.9\n',
      ': ',
      '\uFEFF',
      '\0',
    ),
  );
  const payload = fc.oneof(
    fc.array(piece).map((pieces) => ({ wire: pieces.join('').toWellFormed(), isText: true })),
    fc.uint8Array().map((bytes) => ({ wire: Buffer.from(bytes).toString('base64'), isText: false })),
  );
  fc.assert(
    fc.property(fc.array(payload), fc.boolean(), (payloads, together) => {
      const frames = payloads.map(({ wire, isText }) =>
        isText ? text(wire) : binary(Buffer.from(wire, 'base64')),
      );
      const events = eventsOf(together ? [Buffer.concat([READY, ...frames])] : [READY, ...frames]);
      expect(events.slice(1)).toEqual(
        payloads.map(({ wire, isText }, index) => ({
          type: isText ? 'message' : 'binary',
          data: isText ? wire.replace(/\r\n|\r/g, '\n') : wire,
          id: `e1.${6 + index}`,
        })),
      );
    }),
  );
});

describe('an id', () => {
  it('is that of a gap, and not of the ready before it, where one is owed', () => {
    const gap = control('gap', { reason: 'expired', epoch: 'e2', offset: 9 });
    expect(eventsOf([READY, gap, text('x')], { ...FRESH, resumes: true })).toEqual([
      { type: 'ready', data: '{"epoch":"e1","offset":5,"resumed":false}', id: '' },
      { type: 'gap', data: '{"reason":"expired","epoch":"e2","offset":9}', id: 'e2.9' },
      { type: 'message', data: 'x', id: 'e2.10' },
    ]);
  });

  it('is that of a ready that resumes', () => {
    const ready = control('ready', { epoch: 'e1', offset: 3, resumed: true });
    expect(eventsOf([ready], { ...FRESH, resumes: true })).toMatchObject([{ id: 'e1.3' }]);
  });

  it('stays as it was with a control frame that moves no point', () => {
    const ack = control('ack', { id: 'c1' });
    expect(eventsOf([READY, text('x'), ack]).at(-1)).toEqual({
      type: 'ack',
      data: '{"id":"c1"}',
      id: 'e1.6',
    });
  });

  it('is none before the gap that is owed: the client would come back behind it', () => {
    const ack = control('ack', { id: 'c1' });
    expect(eventsOf([READY, ack], { ...FRESH, resumes: true }).map(({ id }) => id)).toEqual(['', '']);
  });

  it('says that a state is missing until a frame or a state was sent', () => {
    const beginning = { ...FRESH, lacksState: true };
    const ids = (frames: readonly Buffer[]): string[] => eventsOf(frames, beginning).map(({ id }) => id);
    expect(ids([READY, text('x')])).toEqual(['e1.5&state=missing', 'e1.6']);
    expect(ids([READY, control('state', { text: 's' })])).toEqual(['e1.5&state=missing', 'e1.5']);
  });

  it('names the session where the URL names none', () => {
    expect(eventsOf([READY, text('x')], { ...FRESH, session: 's-1' }).map(({ id }) => id)).toEqual([
      'e1.5&session=s-1',
      'e1.6&session=s-1',
    ]);
  });
});

describe('the last event', () => {
  it.each(Object.values(CLOSE_CODES))('has the close code $code and says when to come back', (row) => {
    for (const random of [0, 0.999]) {
      const parser = new EventStreamParser();
      parser.push(closeEvent(row.code, row.name, random));
      expect(parser.events).toEqual([
        { type: 'close', data: JSON.stringify({ code: row.code, reason: row.name }), id: '' },
      ]);
      expect(parser.retryMs === undefined).toBe(row.then === 'stop');
    }
  });

  it('has a close code that is not in the table, and says nothing of when to come back', () => {
    const parser = new EventStreamParser();
    parser.push(closeEvent(4999, 'x', 0.5));
    expect(parser).toMatchObject({ events: [{ data: '{"code":4999,"reason":"x"}' }], retryMs: undefined });
  });

  it('spreads clients that are told to come back', () => {
    const retryOf = (random: number): number => {
      const parser = new EventStreamParser();
      parser.push(closeEvent(CLOSE_CODES.serviceRestart.code, 'x', random));
      return parser.retryMs ?? -1;
    };
    expect([retryOf(0), retryOf(0.5), retryOf(0.999)]).toEqual([500, 2750, 4995]);
  });
});

it('a comment is no event', () => {
  const parser = new EventStreamParser();
  parser.push(COMMENT);
  expect(parser).toMatchObject({ events: [], comments: [''] });
});
