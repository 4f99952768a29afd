import { issueToken } from '../../dev/issue-token';
import { startMeter } from '../cpu-meter';
import type { RequestCalls } from '../load/request-calls';
import type { Figures } from '../median';
import { answering } from '../peers/answering';
import { TOKEN_SECRET } from '../plugin-servers/config';
import type { Chain } from './chains';
import type { Gateway } from './gateway';
import { expectWholePath, onPath, stations } from './stage';

/** How many upgrades are asked for. */
export interface Decisions {
  readonly connections: number;
  readonly decisions: number;
}

/** Decided before those that count, as a part of them: code is compiled meanwhile, and the plugin's instance started. */
const WARM_UP = 0.5;
const USERS_PER_TENANT = 10;
const TOKEN_SECONDS = 900;

/** Asks a gateway for upgrades whose upstream answers 200, so that nothing but the decision costs. */
export function decisionsTrial(
  chain: Chain,
  gateway: Gateway,
  { connections, decisions }: Decisions,
  nodeFlags: readonly string[],
): Promise<Figures> {
  const trial = onPath(answering, gateway, nodeFlags, chain, async (stage) => {
    const ask = stage.worker<RequestCalls>('load/requests.js');
    const warmUp = Math.ceil(decisions * WARM_UP);
    const requests = await upgradesOf(chain.tokens === 0 ? warmUp + decisions : chain.tokens);
    const load = { port: stage.gateway.port, connections, requests };
    await ask.call('ask', { ...load, first: 0, answers: warmUp });
    const meter = startMeter({ ...stations(stage), load: [ask.pid] });
    const answers = await ask.call('ask', { ...load, first: warmUp, answers: decisions });
    const { us, cpuUs } = meter();
    expectWholePath(stage);
    return {
      perSecond: decisions / answers.seconds,
      p50Ms: answers.p50Ms,
      p99Ms: answers.p99Ms,
      refused: answers.refused,
      gatewayUs: cpuUs.gateway / decisions,
      gatekeeperUs: cpuUs.gatekeeper / decisions,
      redisUs: cpuUs.redis / decisions,
      togetherUs: (cpuUs.gateway + cpuUs.gatekeeper + cpuUs.redis) / decisions,
      loadCores: (cpuUs.load + cpuUs.bridge) / us,
    };
  });
  return trial;
}

/** Upgrades as a browser's, each with the token of another user. */
async function upgradesOf(count: number): Promise<string[]> {
  const now = Math.floor(Date.now() / 1000);
  const requests: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const user = number % 1000;
    const tenant = `t${Math.floor(user / USERS_PER_TENANT)}`;
    const whom = { tenant, user: `u${user}`, roles: ['analyst', 'admin'], ttlSeconds: TOKEN_SECONDS };
    requests.push(upgradeOf(await issueToken(whom, TOKEN_SECRET, now)));
  }
  return requests;
}

function upgradeOf(token: string): string {
  return [
    'GET /ws/ai/chat?session=s1 HTTP/1.1',
    'Host: gateway.example',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Origin: https://app.example',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
    'Accept: */*',
    'Accept-Encoding: gzip, deflate, br',
    'Accept-Language: en-US,en;q=0.5',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    `Authorization: Bearer ${token}`,
    '',
    '',
  ].join('\r\n');
}
