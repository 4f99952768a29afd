import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HeaderSelection } from '../../../plugin/request/header-selection';

/** Looks for a header's name among other bytes. */
function found(selection: HeaderSelection, name: string): string | undefined {
  const before = 'x-';
  const bytes = Buffer.from(`${before}${name}-y`, 'latin1');
  return selection.find(bytes, before.length, before.length + name.length);
}

describe('the headers that somebody looks at', () => {
  const selection = new HeaderSelection(['x-user_id', 'authorization'], ['x-tenant-id']);

  it.each([
    ['authorization', 'authorization'],
    ['Authorization', 'authorization'],
    ['AUTHORIZATION', 'authorization'],
    ['X-User_Id', 'x-user_id'],
    ['X-Tenant-Id', 'x-tenant-id'],
    ['X_Tenant-ID', 'x_tenant-id'],
    ['x_tenant_id', 'x_tenant_id'],
  ])('have one that is spelt %s, as %s', (spelt, name) => {
    expect(found(selection, spelt)).toBe(name);
  });

  it.each([
    'x-user-id',
    'x_user_id',
    'x-tenant-i',
    'x-tenant-id ',
    'x-tenant.id',
    'x-tenant\x0did',
    'cookie',
    '',
  ])('have none that is spelt %j', (spelt) => {
    expect(found(selection, spelt)).toBeUndefined();
  });

  it('have exactly those whose names they are, in any case, with any bytes', () => {
    const ascii = ['a', 'B', 'Z', '-', '_', '@', '[', '`', '{', '\x0d'];
    const text = (...chars: string[]): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...chars), maxLength: 4 });
    const names = fc.array(text(...ascii).map((name) => name.toLowerCase()));
    fc.assert(
      fc.property(names, names, text(...ascii, '\xc1', '\xe1'), (exact, loose, spelt) => {
        const name = spelt.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
        const isOne = exact.includes(name) || loose.includes(name.replaceAll('_', '-'));
        expect(found(new HeaderSelection(exact, loose), spelt)).toBe(isOne ? name : undefined);
      }),
      { numRuns: 1000 },
    );
  });
});
