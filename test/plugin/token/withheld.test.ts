import { describe, expect, it } from '@jest/globals';
import type { TokenLocations } from '../../../plugin/config/config';
import { withheldTokens, withheldUnseen } from '../../../plugin/token/withheld';
import { cpuTimeMs } from '../../fakes/cpu-time';

const NOWHERE: TokenLocations = {
  headerNames: [],
  subprotocolPrefixes: [],
  cookieNames: [],
  uriParamNames: [],
};

describe('a refused request keeps no token in', () => {
  it.each([
    ['under the prefix', 'bearer.secret'],
    ['under the prefix in another case', 'Bearer.secret'],
    ['under another prefix in another case', 'JWT.secret'],
    ['of its own', 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln'],
  ])('a subprotocol %s', (_, item) => {
    const rules = { ...NOWHERE, subprotocolPrefixes: ['bearer.', 'jwt.'] };
    const headers = { 'sec-websocket-protocol': [`bridge.v1, ${item}`] };
    expect(withheldTokens({ headers }, rules).setHeaders).toEqual({ 'sec-websocket-protocol': 'bridge.v1' });
  });

  it.each([
    ['that begins as one often', 'eyJ'.repeat(70_000)],
    ['that has many dots', 'eyJ.'.repeat(50_000)],
  ])('a subprotocol %s and is none, which stays and is read in one pass', async (_, item) => {
    const rules = { ...NOWHERE, subprotocolPrefixes: ['bearer.'] };
    const read = (): void => {
      const { setHeaders } = withheldTokens({ headers: { 'sec-websocket-protocol': [item] } }, rules);
      expect(setHeaders).toEqual({});
    };
    expect(await cpuTimeMs(read)).toBeLessThan(1_000);
  });

  it('a header of the configuration, and clears no header that is not there', () => {
    const rules = { ...NOWHERE, headerNames: ['authorization', 'x-token'] };
    const changes = withheldTokens({ headers: { 'x-token': ['secret'] } }, rules);
    expect(changes).toEqual({ clearHeaders: ['x-token'], setHeaders: {}, rawQuery: undefined });
  });

  it('a query that names thousands of others, which are looked at and not decoded', async () => {
    const rules = { ...NOWHERE, uriParamNames: ['token'] };
    const read = (): void => {
      const { rawQuery } = withheldTokens({ headers: {}, rawQuery: '%ff&'.repeat(200_000) }, rules);
      expect(rawQuery).toBeUndefined();
    };
    expect(await cpuTimeMs(read)).toBeLessThan(1_000);
  });

  it('the query or a cookie', () => {
    const rules = { ...NOWHERE, cookieNames: ['session'], uriParamNames: ['token'] };
    const changes = withheldTokens(
      { headers: { cookie: ['a=1; session=b'] }, rawQuery: 'c=1&token=d' },
      rules,
    );
    expect(changes).toEqual({ clearHeaders: [], setHeaders: { cookie: 'a=1' }, rawQuery: 'c=1' });
  });

  it('a place that the configuration does not name: nothing is touched there', () => {
    const headers = { 'sec-websocket-protocol': ['bearer.a, eyJh.e30.x'], cookie: ['a=1'] };
    const untouched = { clearHeaders: [], setHeaders: {}, rawQuery: undefined };
    expect(withheldTokens({ headers, rawQuery: 'token=a' }, NOWHERE)).toEqual(untouched);
    expect(withheldUnseen(NOWHERE)).toEqual(untouched);
  });

  it('any place that the configuration names, where nothing of the request is known', () => {
    const rules = {
      headerNames: ['authorization'],
      subprotocolPrefixes: ['bearer.'],
      cookieNames: ['session'],
      uriParamNames: ['token'],
    };
    expect(withheldUnseen(rules)).toEqual({
      clearHeaders: ['authorization', 'sec-websocket-protocol', 'cookie'],
      setHeaders: {},
      rawQuery: '',
    });
  });
});
