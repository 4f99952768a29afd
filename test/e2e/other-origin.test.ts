import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askStream, StreamClient } from '../fakes/event-source';
import { token } from './client';
import { ROOT, type Stack } from './stack';
import { startStack } from './start-stack';

const ORIGIN = 'https://app.example.com';
const FOREIGN = 'https://evil.example';
const PATH = '/ws/ai/chat?session=cors';
/** The stand-in runs no plugin but ours. */
const describeOnKong = process.env['GATEWAY'] === 'kong' ? describe : describe.skip;

/** The plugin as client/README.md shows it. */
function documentedCors(): object {
  const readme = readFileSync(join(ROOT, 'client/README.md'), 'utf8');
  const [, block = ''] = /```yaml\n(- name: cors\n[^`]*)```/.exec(readme) ?? [];
  const [plugin] = parse(block) as readonly object[];
  if (plugin === undefined) throw new Error('expected the plugin cors in client/README.md');
  return plugin;
}

describeOnKong('a page of another origin, with the plugin cors as client/README.md has it', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      config: { allowed_origins: [ORIGIN], allow_absent_origin: true },
      routePlugins: { 'ai-chat': [documentedCors()] },
    });
  }, 180_000);
  afterAll(async () => {
    await stack.stop();
  }, 60_000);

  async function asked(origin: string, method: string, headers: Record<string, string>, body?: string) {
    const answer = await askStream(stack.url + PATH, { Origin: origin, ...headers }, method, body);
    if (!(answer instanceof StreamClient)) return { status: answer.status, headers: answer.headers };
    const { statusCode: status, headers: told } = answer.response;
    await answer.cut();
    return { status, headers: told };
  }

  const bearer = async () => ({ Authorization: `Bearer ${await token()}` });
  const POSTED = { 'Content-Type': 'application/json', 'Idempotency-Key': 'c1', Accept: '*/*' };

  it.each([
    ['GET', 'authorization'],
    ['POST', 'authorization,content-type'],
  ])(
    'may ask before its %s, which needs no token, reaches no bridge and charges nothing',
    async (method, names) => {
      const before = await stack.bridgeUpgrades();
      const preflight = {
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': names,
        Accept: '*/*',
      };
      const { status, headers } = await asked(ORIGIN, 'OPTIONS', preflight);
      expect(status).toBe(200);
      expect(headers['access-control-allow-origin']).toBe(ORIGIN);
      expect(headers['access-control-allow-methods']?.split(/, */)).toContain(method);
      const allowed = headers['access-control-allow-headers']?.toLowerCase().split(/, */);
      expect(allowed).toEqual(expect.arrayContaining(names.split(',')));
      // Its token is in a header: no cookie has to go along.
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      expect(headers['ratelimit-remaining']).toBeUndefined();
      expect(await stack.bridgeUpgrades()).toEqual(before);
    },
  );

  it('may read its stream, the answer to what it posts, and why it is refused', async () => {
    const stream = await asked(ORIGIN, 'GET', await bearer());
    const message = await asked(ORIGIN, 'POST', { ...(await bearer()), ...POSTED }, '{"type":"a"}');
    const refused = await asked(ORIGIN, 'GET', {});
    expect([stream.status, message.status, refused.status]).toEqual([200, 202, 401]);
    for (const { headers } of [stream, message, refused]) {
      expect(headers['access-control-allow-origin']).toBe(ORIGIN);
      expect(headers['access-control-expose-headers']).toContain('Retry-After');
      expect(headers['access-control-allow-credentials']).toBeUndefined();
    }
  });

  it('of an origin that is not allowed may read nothing, and gets nothing', async () => {
    const stream = await asked(FOREIGN, 'GET', await bearer());
    const message = await asked(FOREIGN, 'POST', { ...(await bearer()), ...POSTED }, '{"type":"a"}');
    expect([stream.status, message.status]).toEqual([403, 403]);
    for (const { headers } of [stream, message])
      expect(headers['access-control-allow-origin']).not.toBe(FOREIGN);
  });
});
