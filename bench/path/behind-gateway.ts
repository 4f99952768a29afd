import { issueToken } from '../../dev/issue-token';
import { SUBPROTOCOL } from '../../protocol/frames';
import type { Peer } from '../peer';
import { channelPath } from '../peers/channel-of';
import { naive } from '../peers/naive';
import { wsBridge } from '../peers/ws-bridge';
import { TOKEN_SECRET } from '../plugin-servers/config';
import type { Topic } from '../topic';

/** Seconds that users' tokens last. */
const TOKEN_SECONDS = 900;

/** Those that stand behind the gateway, by the name that `--peers` takes. */
export const PATH_PEERS: Readonly<Record<string, Peer>> = {
  plain: behindGateway(wsBridge('plain'), ({ path }) => path),
  v1: behindGateway(wsBridge('bridge.v1'), ({ path }) => path, { 'Sec-WebSocket-Protocol': SUBPROTOCOL }),
  http: behindGateway(wsBridge('http'), ({ path }) => path, {}, true),
  naive: behindGateway(naive, naivePath),
};

/** A path that the gateway has a route for, with the channel in it for a server that knows no routes. */
export function naivePath({ path, channel }: Topic): string {
  const [place, query] = path.split('?');
  return `${channelPath(channel, place)}${query === undefined ? '' : `&${query}`}`;
}

/** A peer whose clients come as users do: each with a token of its own, which only the gatekeeper looks at. */
function behindGateway(
  peer: Peer,
  pathOf: (topic: Topic) => string,
  headers: Readonly<Record<string, string>> = {},
  overHttp = false,
): Peer {
  return {
    ...peer,
    client: async (topic, number) => {
      const whom = {
        tenant: topic.tenant,
        user: `u${number}`,
        roles: ['analyst'],
        ttlSeconds: TOKEN_SECONDS,
      };
      const token = await issueToken(whom, TOKEN_SECRET, Math.floor(Date.now() / 1000));
      return { path: pathOf(topic), headers: { ...headers, Authorization: `Bearer ${token}` }, overHttp };
    },
  };
}
