import { describe, expect, it } from '@jest/globals';
import type { TokenLocations } from '../../../plugin/config/config';
import { findToken } from '../../../plugin/token/locations';

const places: TokenLocations = {
  headerNames: ['authorization', 'x-token'],
  subprotocolPrefixes: ['bearer.'],
  cookieNames: ['session'],
  uriParamNames: ['token'],
};
const TOKEN = 'aGVhZA.cGF5bG9hZA.c2ln';

const find = (headers: Record<string, string[]>, rawQuery = '', cookiesCount = true, rules = places) =>
  findToken({ headers, rawQuery }, rules, 8192, cookiesCount);

describe('the token', () => {
  it.each<[string, Record<string, string[]>, string, object]>([
    ['in Authorization', { authorization: [`Bearer ${TOKEN}`] }, '', {}],
    ['in another header', { 'x-token': [`bearer ${TOKEN}`] }, '', {}],
    [
      'among the subprotocols, of which the others reach the upstream in their order',
      { 'sec-websocket-protocol': [`bridge.v1, bearer.${TOKEN}`, 'y'] },
      '',
      { setHeaders: { 'sec-websocket-protocol': 'bridge.v1, y' } },
    ],
    [
      'as the only subprotocol',
      { 'sec-websocket-protocol': [`bearer.${TOKEN}`] },
      '',
      { clearHeaders: ['authorization', 'x-token', 'sec-websocket-protocol'] },
    ],
    [
      'among subprotocols of which some are empty',
      { 'sec-websocket-protocol': [`bearer.${TOKEN}, , bridge.v1,`] },
      '',
      { setHeaders: { 'sec-websocket-protocol': 'bridge.v1' } },
    ],
    [
      'beside subprotocols that look like one, which go no further either',
      {
        authorization: [`Bearer ${TOKEN}`],
        'sec-websocket-protocol': [`bridge.v1, eyJhbGciOiJub25lIn0.e30., Bearer.${TOKEN}, y`],
      },
      '',
      { setHeaders: { 'sec-websocket-protocol': 'bridge.v1, y' } },
    ],
    [
      'beside subprotocols that begin as one and have nothing behind a dot, which are none',
      { 'sec-websocket-protocol': [`bearer.${TOKEN}, eyJy, eyJy.`] },
      '',
      { setHeaders: { 'sec-websocket-protocol': 'eyJy, eyJy.' } },
    ],
    [
      'in a cookie, of which the others reach the upstream',
      { cookie: [`a=1; session=${TOKEN}; b=2`, 'c="3"'] },
      '',
      { setHeaders: { cookie: 'a=1; b=2; c="3"' } },
    ],
    [
      'in a quoted cookie',
      { cookie: [`session="${TOKEN}"`] },
      '',
      { clearHeaders: ['authorization', 'x-token', 'cookie'] },
    ],
    [
      'in a cookie with white space around it, between empty ones',
      { cookie: [`a=1; ; session = ${TOKEN} ;`] },
      '',
      { setHeaders: { cookie: 'a=1' } },
    ],
    ['in a header with white space around it', { authorization: [` Bearer  ${TOKEN} `] }, '', {}],
    [
      'in the query, of which the rest keeps its bytes',
      {},
      `a=%20&token=${TOKEN}&b`,
      { rawQuery: 'a=%20&b' },
    ],
    ['as the only parameter', {}, `token=${TOKEN}`, { rawQuery: '' }],
    ['behind a percent-encoded name', {}, `%74oken=${TOKEN}`, { rawQuery: '' }],
    [
      'in several places at once goes no further from any of them',
      { authorization: [`Bearer ${TOKEN}`], cookie: [`session=${TOKEN}`] },
      `token=${TOKEN}`,
      { clearHeaders: ['authorization', 'x-token', 'cookie'], rawQuery: '' },
    ],
  ])('is found %s', (_, headers, rawQuery, changes) => {
    const found = find(headers, rawQuery);
    expect(found.token).toBe(TOKEN);
    expect(found.changes).toEqual({
      clearHeaders: ['authorization', 'x-token'],
      setHeaders: {},
      rawQuery: undefined,
      ...changes,
    });
  });

  it.each<[string, Record<string, string[]>, string]>([
    ['in a cookie whose name goes on', { cookie: [`sessions=${TOKEN}`] }, ''],
    ['in a cookie without a value', { cookie: ['session', 'sessionx'] }, ''],
    ['in a parameter whose name goes on', {}, `tokens=${TOKEN}`],
    ['behind another scheme', { authorization: [`Basic ${TOKEN}`] }, ''],
    ['behind a scheme that goes on', { authorization: [`Bearer${TOKEN}`] }, ''],
  ])('is not found %s', (_, headers, rawQuery) => {
    expect(() => find(headers, rawQuery)).toThrow('No bearer token was presented');
  });

  it.each<[string, Record<string, string[]>, string]>([
    ['a cookie that is quoted at its beginning', { cookie: [`session="${TOKEN}`] }, ''],
    ['a cookie that is quoted at its end', { cookie: [`session=${TOKEN}"`] }, ''],
    ['a cookie of one quote', { cookie: ['session="'] }, ''],
    ['a parameter without a value', {}, 'token'],
    ['a scheme without a token', { authorization: ['Bearer'] }, ''],
  ])('is no JWT in %s', (_, headers, rawQuery) => {
    expect(() => find(headers, rawQuery)).toThrow('The token is not a JWT in compact serialization');
  });

  it('has at most as many bytes as the configuration says', () => {
    const headers = { authorization: [`Bearer ${TOKEN}`] };
    const within = (maximum: number) => findToken({ headers, rawQuery: '' }, places, maximum, true);
    expect(within(TOKEN.length).token).toBe(TOKEN);
    const over = TOKEN.length - 1;
    expect(() => within(over)).toThrow(`The token is longer than ${over} bytes`);
  });

  it('that is there twice is refused, also when both are the same', () => {
    const twice = { authorization: [`Bearer ${TOKEN}`, `Bearer ${TOKEN}x`] };
    expect(() => find(twice)).toThrow('More than one token was presented');
  });

  it('is not looked for where the configuration does not say so', () => {
    const nowhere: TokenLocations = {
      headerNames: [],
      subprotocolPrefixes: [],
      cookieNames: [],
      uriParamNames: [],
    };
    const everywhere = {
      authorization: [`Bearer ${TOKEN}`],
      'sec-websocket-protocol': [`bearer.${TOKEN}`],
      cookie: [`session=${TOKEN}`],
    };
    expect(() => find(everywhere, `token=${TOKEN}`, true, nowhere)).toThrow('No bearer token was presented');
  });

  it('in a cookie alone that does not count is refused for its Origin', () => {
    const refusal = { code: 'origin_not_allowed', message: 'A token in a cookie needs an allowed Origin' };
    expect(() => find({ cookie: [`session=${TOKEN}`] }, '', false)).toThrow(expect.objectContaining(refusal));
    expect(() => find({ cookie: ['a=1'] }, '', false)).toThrow('No bearer token was presented');
  });

  it('in a cookie that does not count is no second token, but goes no further either', () => {
    const headers = { authorization: [`Bearer ${TOKEN}`], cookie: ['session=other.token.x; a=1'] };
    const { token, changes } = find(headers, '', false);
    expect(token).toBe(TOKEN);
    expect(changes.setHeaders).toEqual({ cookie: 'a=1' });
  });
});
