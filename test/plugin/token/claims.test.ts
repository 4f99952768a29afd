import { describe, expect, it } from '@jest/globals';
import { claimAt, rolesFrom } from '../../../plugin/token/claims';

describe('the claim at a path', () => {
  it.each([
    ['of an object', ['org', 'id'], 'acme'],
    ['that is not there', ['org', 'name'], undefined],
    ['behind a text', ['sub', 'length'], undefined],
    ['behind an array', ['roles', '0'], undefined],
    ['behind null', ['none', 'id'], undefined],
    ['that every object inherits', ['constructor'], undefined],
    ['behind one that every object inherits', ['org', 'constructor', 'name'], undefined],
  ])('%s', (_which, path, claim) => {
    expect(claimAt({ sub: 'u1', roles: ['admin'], org: { id: 'acme' }, none: null }, path)).toBe(claim);
  });
});

describe('roles', () => {
  it.each([
    ['that are not there are none', undefined, []],
    ['that are null are none', null, []],
    ['are an array of texts', ['admin', 'analyst'], ['admin', 'analyst']],
    ['with one that is no text are refused', ['admin', 1], undefined],
    ['that are a text are refused', 'admin', undefined],
    ['that are an object are refused', { admin: true }, undefined],
  ])('%s', (_which, claim, roles) => {
    expect(rolesFrom(claim)).toEqual(roles);
  });
});
