import { expect, it } from '@jest/globals';
import { Door } from './door';

const door = new Door();

it('opens to a grown-up', () => {
  expect(door.opensTo(30)).toBe(true);
});

it('stays shut to a child', () => {
  expect(door.opensTo(3)).toBe(false);
});
