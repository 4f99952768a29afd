import { describe, expect, it } from '@jest/globals';
import { entityId } from '../../../kong-stand-in/declarative/ids';
import { credentialOf, derivedConsumer } from '../../../plugin/consumer/derived';

const who = (tenantId: string, userId: string) => ({ tenantId, userId, roles: [] });
const acme = derivedConsumer('acme');

describe('a derived consumer', () => {
  it.each(['acme', 'bücher', 'a:b'])(
    'has the id that a declarative configuration gives to a consumer named %s',
    (username) => {
      expect(derivedConsumer(username)).toEqual({ id: entityId('consumers', username), username });
    },
  );
});

describe('the credential', () => {
  it('names its consumer, and is the same each time', () => {
    expect(credentialOf(who('acme', 'u1'), acme)).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      consumer_id: acme.id,
    });
    expect(credentialOf(who('acme', 'u1'), acme)).toEqual(credentialOf(who('acme', 'u1'), acme));
  });

  it.each([
    [who('acme', 'u1'), who('acme', 'u2')],
    [who('acme', 'u1'), who('globex', 'u1')],
    [who('a', 'b:c'), who('a:b', 'c')],
  ])('of %j is another than that of %j', (one, other) => {
    expect(credentialOf(one, acme).id).not.toBe(credentialOf(other, acme).id);
  });
});
