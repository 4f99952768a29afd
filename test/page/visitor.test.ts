import { describe, expect, it } from '@jest/globals';
import { visitorFrom } from '../../dev/page/visitor';

describe('the visitor of the demo page', () => {
  it.each(['', 'a:b', 'x'.repeat(129), ' s1'])(
    'has a chat of their own where the address names no session: %j',
    (session) => {
      expect(visitorFrom(`?${new URLSearchParams({ session }).toString()}`)).toEqual({
        ...{ tenant: 'acme', user: 'ana', document: 'notes' },
      });
    },
  );

  it('has the session that the address names', () => {
    expect(visitorFrom('?session=s-1_A').session).toBe('s-1_A');
  });
});
