import { describe, expect, it } from '@jest/globals';
import { claimAt } from '../../../plugin/token/claims';

describe('the claim at a path', () => {
  it.each([
    ['of an object', ['org', 'id'], 'acme'],
    ['that is not there', ['org', 'name'], undefined],
    ['behind a text', ['sub', 'length'], undefined],
    ['behind an array', ['roles', '0'], undefined],
    ['that every object inherits', ['constructor'], undefined],
    ['behind one that every object inherits', ['org', 'constructor', 'name'], undefined],
  ])('%s', (_which, path, claim) => {
    expect(claimAt({ sub: 'u1', roles: ['admin'], org: { id: 'acme' } }, path)).toBe(claim);
  });
});
