import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { OpenConnection } from '../../../sidecar/connection/open-connections';
import { ConnectionLists, MAX_LISTS, PAGE_BYTES } from '../../../sidecar/control/connection-list';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { RedisNames } from '../../../sidecar/redis/names';

const REQUEST = { type: 'list', id: 'q1', reply: 'admin', tenant: 'acme' } as const;

const socket = (userId: string, routeName: string) =>
  ({ caller: { identity: { tenantId: 'acme', userId, roles: [] } }, routeName }) as unknown as OpenConnection;

function lists(connections: readonly OpenConnection[], publish?: (text: string) => Promise<number>) {
  const sent: { channel: string; text: string }[] = [];
  const made = new ConnectionLists({
    bridgeId: 'b1',
    names: new RedisNames('staging:'),
    find: () => connections,
    publish: (channel, message) => {
      sent.push({ channel, text: String(message) });
      return publish?.(String(message)) ?? Promise.resolve(1);
    },
    shares: new LoopShares(),
    log: pino({ level: 'silent' }),
  });
  return { made, sent, answers: () => sent.map(({ text }) => JSON.parse(text) as Record<string, unknown>) };
}

describe('a list of connections', () => {
  it('has each user once, with how many connections on which routes', async () => {
    const { made, sent, answers } = lists([
      ...[socket('u1', 'ai-chat'), socket('u1', 'notifications'), socket('u1', 'ai-chat')],
      socket('__proto__', 'notifications'),
    ]);
    await made.answer(REQUEST);
    expect(sent.map(({ channel }) => channel)).toEqual(['staging:ws:reply:admin']);
    expect(answers()).toEqual([
      {
        ...{ type: 'listed', id: 'q1', bridge: 'b1', page: 0, last: true },
        users: [
          { user: 'u1', routes: { 'ai-chat': 2, notifications: 1 } },
          { user: '__proto__', routes: { notifications: 1 } },
        ],
      },
    ]);
  });

  it('of nobody is one empty page', async () => {
    const { made, answers } = lists([]);
    await made.answer(REQUEST);
    expect(answers()).toMatchObject([{ page: 0, last: true, users: [] }]);
  });

  it('comes in pages that are bounded, the last of which says so, with everybody once', async () => {
    const names = Array.from({ length: 3000 }, (_, at) => `${'u'.repeat(at % 200)}${at}`);
    const { made, sent, answers } = lists(names.map((name) => socket(name, 'notifications')));
    await made.answer(REQUEST);
    const pages = answers();
    expect(pages.length).toBeGreaterThan(5);
    expect(pages.map(({ page, last }) => [page, last])).toEqual(
      pages.map((_, at) => [at, at === pages.length - 1]),
    );
    expect(pages.flatMap(({ users }) => (users as { user: string }[]).map(({ user }) => user))).toEqual(
      names,
    );
    // One more row, and what is around them.
    for (const { text } of sent) expect(text.length).toBeLessThan(PAGE_BYTES + 1000);
  });

  it('is refused beyond so many at once, and again given when one of them is over', async () => {
    let release = (): void => undefined;
    const held = new Promise<number>((resolve) => {
      release = () => {
        resolve(1);
      };
    });
    const { made, answers } = lists([], (text) => (text.includes('refused') ? Promise.resolve(1) : held));
    const running = Array.from({ length: MAX_LISTS }, () => made.answer(REQUEST));
    await made.answer(REQUEST);
    expect(answers()).toContainEqual({ type: 'refused', id: 'q1', bridge: 'b1', reason: 'busy' });
    expect(answers().filter(({ type }) => type === 'refused')).toHaveLength(1);
    release();
    await Promise.all(running);
    await made.answer(REQUEST);
    expect(answers().filter(({ type }) => type === 'listed')).toHaveLength(MAX_LISTS + 1);
  });

  it('that Redis does not take ends there', async () => {
    const { made } = lists([socket('u', 'r')], () => Promise.reject(new Error('gone')));
    await expect(made.answer(REQUEST)).resolves.toBeUndefined();
  });
});
