import { describe, expect, it } from '@jest/globals';
import type { FindConsumer } from '../../../plugin/consumer/consumer';
import { signToken } from '../fixture';
import { expectRefused, verdictFor } from './deciding';

describe('the consumer of an upgrade', () => {
  const config = { consumer_by: 'tenant', consumer_lookup: true };

  it('is the one that Kong has under the username, with a credential and its headers over the client’s', async () => {
    const asked: string[] = [];
    const findConsumer: FindConsumer = (username) => {
      asked.push(username);
      return Promise.resolve({ id: 'c-1', username });
    };
    const verdict = await verdictFor({ token: await signToken(), config, findConsumer });
    expect(asked).toEqual(['acme']);
    expect(verdict).toMatchObject({
      outcome: 'admitted',
      consumer: { consumer: { id: 'c-1', username: 'acme' }, credential: { consumer_id: 'c-1' } },
      upstreamHeaders: { 'X-Consumer-ID': 'c-1', 'X-Consumer-Username': 'acme' },
      clearHeaders: expect.arrayContaining(['authorization', 'X-Consumer-Custom-ID']) as unknown,
    });
  });

  it('has to be known to Kong where it is looked up', async () => {
    const findConsumer = () => Promise.resolve(undefined);
    const verdict = await verdictFor({ token: await signToken(), config, findConsumer });
    expectRefused(verdict, 403, 'no_consumer');
    expect(verdict).toMatchObject({ message: 'No consumer is known for the token' });
    await expect(verdictFor({ token: await signToken(), config })).rejects.toThrow('expected a Kong');
  });

  it('is derived without a credential, and Kong is not asked, where it is not looked up', async () => {
    const derived = { consumer_by: 'tenant' };
    const verdict = await verdictFor({ token: await signToken(), config: derived });
    expect(verdict).toMatchObject({ consumer: { consumer: { username: 'acme' }, credential: undefined } });
    expect(await verdictFor({ token: await signToken() })).toMatchObject({ consumer: undefined });
  });
});
