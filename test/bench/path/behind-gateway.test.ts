import { decodeJwt } from 'jose';
import { naivePath, PATH_PEERS } from '../../../bench/path/behind-gateway';
import { channelOf } from '../../../bench/peers/channel-of';
import { chats, dashboard } from '../../../bench/topic';

test('a server that knows no routes finds its channel in a path that the gateway has a route for', () => {
  for (const topic of [dashboard('main'), ...chats(2)]) {
    const path = naivePath(topic);
    expect(path.split('?')[0]).toBe(topic.path.split('?')[0]);
    expect(channelOf(path)).toBe(topic.channel);
  }
  expect(new URLSearchParams(naivePath(chats(1)[0] ?? dashboard('')).split('?')[1]).get('session')).toBe(
    's0',
  );
});

test('a client brings a token of its own, and no header that is the gatekeeper’s to set', async () => {
  const topic = dashboard('main', 'acme');
  for (const peer of Object.values(PATH_PEERS)) {
    const { headers } = await peer.client(topic, 7);
    const token = headers['Authorization']?.replace('Bearer ', '') ?? '';
    expect(decodeJwt(token)).toMatchObject({ tenant_id: 'acme', sub: 'u7', type: 'access' });
    expect(Object.keys(headers).filter((name) => /^x-/i.test(name))).toEqual([]);
  }
});
