import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { identityFault } from '../../protocol/identity';

const good = { tenantId: 'acme', userId: 'u1', roles: ['analyst'] };

describe('an identity', () => {
  it('may be any text that a header carries unchanged', () => {
    expect(identityFault(good)).toBeUndefined();
    expect(identityFault({ tenantId: 'Zürich: 東京 🗼', userId: 'a b', roles: [] })).toBeUndefined();
  });

  it.each([
    ['an empty tenant', { tenantId: '' }, 'tenant is empty'],
    ['a line break', { userId: 'u\r\nX-Tenant-ID: other' }, 'user contains a control character'],
    ['a NUL', { tenantId: 'a\0b' }, 'tenant contains a control character'],
    ['a line separator', { tenantId: 'a\u2028b' }, 'tenant contains a control character'],
    ['outer white space', { tenantId: ' acme' }, 'tenant begins or ends with white space'],
    ['an outer no-break space', { tenantId: 'acme\u00a0' }, 'tenant begins or ends with white space'],
    ['half a surrogate pair', { tenantId: 'a\ud800' }, 'tenant is not well-formed Unicode'],
    ['10 KB', { tenantId: 'x'.repeat(10_240) }, 'tenant is longer than 256 bytes'],
    ['a role with a comma', { roles: ['a,admin'] }, 'a role contains a comma'],
    ['an empty role', { roles: [''] }, 'role is empty'],
    ['too many roles', { roles: Array<string>(65).fill('r') }, 'more than 64 roles'],
  ])('is refused with %s', (_, change, fault) => {
    expect(identityFault({ ...good, ...change })).toBe(fault);
  });

  it('never carries a control character or a comma in a role, whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string({ unit: 'binary' })),
        (tenantId, roles) => {
          if (identityFault({ tenantId, userId: 'u', roles }) !== undefined) return;
          expect(Buffer.from(tenantId).every((byte) => byte >= 0x20 && byte !== 0x7f)).toBe(true);
          expect(
            roles
              .join(',')
              .split(',')
              .filter((role) => role !== ''),
          ).toEqual(roles);
        },
      ),
    );
  });
});
