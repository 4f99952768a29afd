import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import type { Kong } from '../../plugin/kong';
import { rawConfig, signToken, upgradeHeaders } from './fixture';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const CONFIG = rawConfig({
  rate_limits: [],
  revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
});

interface Seen {
  readonly lines: readonly Record<string, unknown>[];
  /** The names of the headers that were set or cleared. */
  readonly changed: readonly string[];
}

async function access(headers: Record<string, string[]>, broken = false): Promise<Seen> {
  const lines: Record<string, unknown>[] = [];
  const changed: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line) as never) });
  const nothing = (): Promise<never> => Promise.reject(new Error('not asked for'));
  const kong: Kong = {
    request: {
      ...{
        getPath: nothing,
        getRawQuery: nothing,
        getPathWithQuery: nothing,
        getHttpVersion: nothing,
        getMethod: nothing,
      },
      getHeaders: () => Promise.resolve(headers),
    },
    nginx: { getVar: () => Promise.resolve('/ws/notifications') },
    log: { setSerializeValue: () => Promise.resolve() },
    ctx: { shared: { set: () => Promise.resolve() } },
    client: { getForwardedIp: nothing, getConsumer: nothing, loadConsumer: nothing, authenticate: nothing },
    router: { getRoute: nothing },
    service: {
      request: {
        setHeaders: (set) => {
          changed.push(...Object.keys(set));
          return broken ? Promise.reject(new Error('broken')) : Promise.resolve();
        },
        clearHeader: (name) => {
          changed.push(name);
          return Promise.resolve();
        },
        setRawQuery: nothing,
      },
    },
    response: { setHeaders: () => Promise.resolve(), exit: () => Promise.resolve() },
  };
  await new Gatekeeper(CONFIG, log).access(kong);
  return { lines, changed: changed.map((name) => name.toLowerCase()) };
}

describe('the trace of an upgrade', () => {
  const now = Math.floor(Date.now() / 1000);
  const goodToken = () => signToken({ iat: now, exp: now + 900 });

  it('is left as it is, and named in the log', async () => {
    const headers = { ...upgradeHeaders(await goodToken()), traceparent: [PARENT], tracestate: ['a=1'] };
    const { lines, changed } = await access(headers);
    expect(lines).toMatchObject([{ msg: 'admitted', traceId: TRACE }]);
    expect(changed).toContain('x-gateway-assertion');
    expect(changed).not.toContain('traceparent');
    expect(changed).not.toContain('tracestate');
  });

  it('is named where the upgrade is refused, and where the gatekeeper fails', async () => {
    const refused = await access({ ...upgradeHeaders(), traceparent: [PARENT] });
    expect(refused.lines).toMatchObject([{ msg: 'refused', traceId: TRACE }]);
    const failed = await access({ ...upgradeHeaders(await goodToken()), traceparent: [PARENT] }, true);
    expect(failed.lines).toMatchObject([
      { msg: 'decision failed', traceId: TRACE },
      { msg: 'refused', outcome: 'internal_error', traceId: TRACE },
    ]);
  });

  it.each([
    ['malformed', [PARENT.toUpperCase()]],
    ['repeated', [PARENT, PARENT]],
  ])('is not named when it is %s', async (_, traceparent) => {
    const { lines } = await access({ ...upgradeHeaders(), traceparent });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toHaveProperty('traceId');
  });
});
