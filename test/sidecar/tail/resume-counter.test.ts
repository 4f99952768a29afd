import { ResumeCounter } from '../../../sidecar/tail/resume-counter';

const OLD = {};
const NEW = {};

let point: ResumeCounter;
beforeEach(() => {
  point = new ResumeCounter();
});

function ready(socket: object, epoch: string, offset: number): void {
  const data = { epoch, offset, resumed: true };
  point.take(socket, Buffer.from(JSON.stringify({ type: 'bridge.ready', data })), false);
}

function frames(socket: object, count: number): void {
  for (let n = 0; n < count; n += 1) point.take(socket, Buffer.from(n % 2 ? 'text' : '\u00ff'), n % 2 === 0);
}

describe('the point from which a tail goes on', () => {
  it('is none before there is a count', () => {
    frames(OLD, 1);
    expect(point.text).toBeUndefined();
  });

  it('counts the frames of the connection', () => {
    ready(OLD, 'a', 10);
    frames(OLD, 3);
    expect(point.text).toBe('a.13');
  });

  it('counts those of the one that is replaced until the one that replaces it is greeted, and then only its own', () => {
    ready(OLD, 'a', 10);
    frames(NEW, 5);
    frames(OLD, 1);
    expect(point.text).toBe('a.11');
    ready(NEW, 'b', 100);
    frames(OLD, 4);
    frames(NEW, 2);
    expect(point.text).toBe('b.102');
  });

  it('is not set by a gap of a connection that is replaced', () => {
    ready(OLD, 'a', 10);
    ready(NEW, 'b', 100);
    const data = { reason: 'redis', epoch: 'c', offset: 5 };
    const gap = Buffer.from(JSON.stringify({ type: 'bridge.gap', data }));
    point.take(OLD, gap, false);
    expect(point.text).toBe('b.100');
    point.take(NEW, gap, false);
    expect(point.text).toBe('c.5');
  });
});

describe('a control frame that is none', () => {
  it.each([
    '{"type":"bridge.',
    '{"type":"bridge.ready"}',
    '{"type":"bridge.ready","data":null}',
    '{"type":"bridge.gap","data":{"epoch":7,"offset":"x"}}',
    '{"type":"bridge.gap","data":{"epoch":"b","offset":-1}}',
  ])('such as %s changes nothing, and ends nothing', (text) => {
    ready(OLD, 'a', 10);
    for (const socket of [OLD, NEW]) point.take(socket, Buffer.from(text), false);
    frames(OLD, 1);
    expect(point.text).toBe('a.11');
  });
});
