import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { idFault, identityFault, idFrom, rolesText } from '../../protocol/identity';

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

  it('may be as large as may be, and no larger', () => {
    const roles = Array<string>(64).fill('r'.repeat(128));
    expect(identityFault({ tenantId: 'x'.repeat(256), userId: 'é'.repeat(128), roles })).toBeUndefined();
    expect(identityFault({ ...good, userId: `${'é'.repeat(128)}x` })).toBe('user is longer than 256 bytes');
    expect(identityFault({ ...good, roles: ['r'.repeat(129)] })).toBe('role is longer than 128 bytes');
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

describe('an id', () => {
  it.each([
    ['acme', 'acme'],
    ['', undefined],
    [0, '0'],
    [-7, '-7'],
    [2 ** 53 - 1, '9007199254740991'],
    [2 ** 53, undefined],
    [1.5, undefined],
    [Number.NaN, undefined],
    [true, undefined],
    [null, undefined],
    [undefined, undefined],
    [['acme'], undefined],
  ])('that is given as %j is the text %p', (value, id) => {
    expect(idFrom(value)).toBe(id);
  });

  it('by itself is judged as that of an identity', () => {
    expect(idFault('consumer', 'bob')).toBeUndefined();
    expect(idFault('consumer', 'b\nb')).toBe('consumer contains a control character');
    expect(idFault('consumer', 'x'.repeat(257))).toBe('consumer is longer than 256 bytes');
  });
});

it('roles are one text, with commas between them', () => {
  expect([rolesText([]), rolesText(['a']), rolesText(['a', 'b'])]).toEqual(['', 'a', 'a,b']);
});
