import { parseControlFrame } from '../../client/src/parse-control-frame.ts';

const POINT = { epoch: 'e', offset: 0 };

const parsed = (type: unknown, data?: unknown): unknown => parseControlFrame(JSON.stringify({ type, data }));

describe('a control frame', () => {
  it.each([
    ['bridge.ready', { ...POINT, resumed: false }],
    ['bridge.ready', { ...POINT, resumed: true, session: 's1', live: 12 }],
    ['bridge.gap', { ...POINT, reason: 'unknown' }],
    ['bridge.state', { text: 'state' }],
    ['bridge.state', { text: '' }],
    ['bridge.state', { base64: '/w==' }],
    ['bridge.ack', { id: 'c1' }],
    ['bridge.error', { code: 'UNAVAILABLE', message: '' }],
    ['bridge.error', { code: 'UNAVAILABLE', message: 'later', id: 'c1' }],
    ['bridge.pong', undefined],
    ['bridge.of-tomorrow', 7],
  ])('%s is read with %j', (type, data) => {
    expect(parsed(type, data)).toEqual({ type, data });
  });

  it.each([
    ['bridge.ready', undefined],
    ['bridge.ready', { ...POINT, resumed: 'no' }],
    ['bridge.ready', { resumed: false }],
    ['bridge.ready', { ...POINT, resumed: false, session: 1 }],
    ['bridge.ready', { ...POINT, resumed: false, live: 0.5 }],
    ['bridge.ready', { ...POINT, epoch: '', resumed: false }],
    ['bridge.ready', { ...POINT, epoch: 'a b', resumed: false }],
    ['bridge.ready', { ...POINT, offset: -1, resumed: false }],
    ['bridge.ready', { ...POINT, offset: '1', resumed: false }],
    ['bridge.gap', POINT],
    ['bridge.gap', { reason: 'unknown' }],
    ['bridge.state', {}],
    ['bridge.state', { text: 1 }],
    ['bridge.state', { base64: '%' }],
    ['bridge.ack', { id: 1 }],
    ['bridge.ack', null],
    ['bridge.error', { code: 'UNAVAILABLE' }],
    ['bridge.error', { message: 'later' }],
    ['bridge.error', { code: 'UNAVAILABLE', message: 'later', id: 1 }],
    ['token', {}],
    [7, {}],
  ])('%s with %j is none', (type, data) => {
    expect(parsed(type, data)).toBeUndefined();
  });

  it.each(['{"type":"bridge.pong"', 'null', '[]', ''])('is not the text %j', (text) => {
    expect(parseControlFrame(text)).toBeUndefined();
  });
});
