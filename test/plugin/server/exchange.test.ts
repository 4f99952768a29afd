import { describe, expect, it } from '@jest/globals';
import { Exchange, type Awaiting, type ExchangeTransport } from '../../../plugin/server/exchange';

/** A transport that takes what it is given, or nothing. */
function transport(write: ExchangeTransport['write']) {
  const awaiting: Awaiting[] = [];
  const given: ExchangeTransport = { write, expect: (answers) => void awaiting.push(...answers) };
  return { awaiting, exchange: new Exchange(given, 1) };
}

describe('what is asked together with exit', () => {
  it('goes in the same write, and is answered', async () => {
    const writes: number[] = [];
    const { awaiting, exchange } = transport((sources) => void writes.push(sources.length));
    const asked = exchange.kong.nginx.getVar('kong_request_id');
    await exchange.kong.response.exit(429, '', {});
    expect(writes).toEqual([2]);
    awaiting[0]?.take(Buffer.from('0a026964', 'hex'));
    expect(await asked).toBe('id');
    expect(writes).toEqual([2]);
  });

  it('fails when it cannot be written, so that nobody waits for ever', async () => {
    const { exchange } = transport(() => {
      throw new Error('too large');
    });
    const asked = exchange.kong.nginx.getVar('kong_request_id');
    expect(() => exchange.kong.response.exit(429, '', {})).toThrow('too large');
    await expect(asked).rejects.toThrow('too large');
  });

  it('fails when the plugin fails before it was sent', async () => {
    const { exchange } = transport(() => undefined);
    const asked = exchange.kong.nginx.getVar('kong_request_id');
    exchange.discard();
    await expect(asked).rejects.toThrow('not sent');
  });
});
