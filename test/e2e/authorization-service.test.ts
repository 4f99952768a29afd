import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { attempt, Client, open, refused, token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] }, authorizationService: true });
  await stack.reconfigure({
    authorization_default: 'deny',
    authorization: [{ paths: ['/ws/collaboration/{id}'], url: stack.authorizationUrl }],
    authorization_service: {
      format: 'opa',
      timeout: 5000,
      headers: { Authorization: '{vault://env/opa-key}' },
    },
  });
  // A worker that Kong has told to stop still decides for a while, without the rules.
  for (;;) {
    const answer = await attempt(stack, '/ws/notifications', await token());
    if (!(answer instanceof Client)) break;
    await answer.close();
  }
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

it('OPA has a document edited by whom it allows, and read by whom it allows to read', async () => {
  const path = '/ws/collaboration/of-acme-u2';
  const editor = await open(stack, path, await token({ roles: ['editor'] }));
  const reader = await open(stack, path, await token({ sub: 'u2' }));
  reader.send('changed');
  expect(JSON.parse(await reader.text())).toMatchObject({ data: { code: 'READ_ONLY' } });
  editor.send('written');
  expect(await reader.text()).toBe('written');
  for (const client of [editor, reader]) await client.close();
});

it('OPA keeps out whom it refuses, and everybody where its policy is undefined', async () => {
  expect(await refused(stack, '/ws/collaboration/of-acme-u2', await token({ sub: 'u3' }))).toMatchObject({
    status: 403,
    body: '{"message":"The token may not open this path"}',
  });
  expect(
    await refused(stack, '/ws/collaboration/of-acme-u2', await token({ sub: 'u2', tenant_id: 'b' })),
  ).toMatchObject({
    status: 403,
  });
  expect(
    await refused(stack, '/ws/collaboration/undefined', await token({ roles: ['editor'] })),
  ).toMatchObject({
    status: 503,
    body: '{"message":"Whether the token may open this path cannot be checked, try again later"}',
  });
});
