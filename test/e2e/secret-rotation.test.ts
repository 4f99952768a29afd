import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { refused, token } from './client';
import { startLoad } from './load';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const PATH = '/ws/notifications';
const NEW_SECRET = 'end-to-end secret after the rotation, at least 32 bytes';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

it('a secret is rotated under load without one refused upgrade, and the old one then counts for nothing', async () => {
  const [old, young] = [await token(), await token({}, NEW_SECRET)];
  expect(await refused(stack, PATH, young)).toMatchObject({ status: 401 });
  const before = startLoad(stack, PATH, old, 2);
  await before.answered(20);
  await stack.reconfigure({ secrets: [{ secret: NEW_SECRET }] });
  await before.answered(20);
  // The issuer signs with the new one from here on, while tokens of the old one live.
  const after = startLoad(stack, PATH, young, 2);
  await Promise.all([before.answered(20), after.answered(20)]);
  expect(Object.keys(await before.stop())).toEqual(['101']);
  await stack.reconfigure({ secret: null, secrets: [{ secret: NEW_SECRET }] });
  await after.answered(20);
  expect(Object.keys(await after.stop())).toEqual(['101']);
  expect(await refused(stack, PATH, old)).toMatchObject({ status: 401 });
}, 180_000);
