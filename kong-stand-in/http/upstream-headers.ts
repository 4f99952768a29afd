import type { Service } from '../declarative/entities';
import { HeaderList } from '../lib/header-list';
import { PRODUCT } from '../lib/product';
import type { GatewayRequest } from './request';
import { rawPath } from '../lib/uri';

/** Set by nginx or Kong on every request that goes upstream: the client's own do not pass. */
const REPLACED = [
  'Host',
  'Connection',
  'Content-Length',
  'Transfer-Encoding',
  'Keep-Alive',
  'Expect',
  'Upgrade',
  'TE',
  'Via',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Path',
  'X-Forwarded-Prefix',
  'X-Real-IP',
  'X-Kong-Request-Id',
] as const;

/** As Kong looks for them, and as it clears them. */
const OF_PROXIES = [
  ['proxy', 'Proxy'],
  ['proxy_connection', 'Proxy-Connection'],
] as const;

type Replaced = (typeof REPLACED)[number];

/**
 * The headers that go upstream (kong/runloop/handler.lua `access`, kong/templates/nginx_kong.lua). No client address is
 * trusted (`trusted_ips` is unset), so only `X-Forwarded-For` takes over what the client sent. Every header that the
 * client names in `Connection` is removed **after** the plugins, even if a plugin set it, as in Kong.
 * @param bodyBytes length of the body, undefined when there is none
 * @param upgrade whether it goes upstream as a WebSocket upgrade
 */
export function upstreamHeaders(
  request: GatewayRequest,
  service: Service,
  prefix: string | undefined,
  bodyBytes: number | undefined,
  upgrade: boolean,
): HeaderList {
  const passed = request.headers.copy();
  for (const name of namedByConnection(request)) passed.clear(name);
  for (const [read, cleared] of OF_PROXIES)
    if (request.clientHeaders.readByKong(read) !== undefined) passed.clear(cleared);
  const values = replacements(request, service, prefix, bodyBytes, upgrade);
  for (const name of REPLACED) passed.clear(name);
  // Node sends it with a chunked body alone, and throws.
  passed.clear('Trailer');
  const set = REPLACED.flatMap((name): [string, string][] => {
    const value = values[name];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return new HeaderList([...set, ...passed.lines]);
}

/** Whether the client wants to become a WebSocket: Kong looks at `Upgrade` alone. */
export function wantsWebSocket(headers: HeaderList): boolean {
  return headers.readByKong('Upgrade')?.toLowerCase() === 'websocket';
}

function replacements(
  request: GatewayRequest,
  service: Service,
  prefix: string | undefined,
  bodyBytes: number | undefined,
  upgrade: boolean,
): Readonly<Record<Replaced, string | undefined>> {
  const { clientHeaders: client, clientAddress, host } = request;
  const forwardedFor = client.readByKong('x_forwarded_for');
  const via = client.readByKong('Via');
  const ownVia = `${Number(request.httpVersion)} ${PRODUCT}`;
  return {
    Host: request.upstreamHost ?? hostOf(service),
    Connection: upgrade ? 'keep-alive, Upgrade' : 'keep-alive',
    'Content-Length': bodyBytes === undefined ? undefined : String(bodyBytes),
    'Transfer-Encoding': undefined,
    'Keep-Alive': undefined,
    Expect: undefined,
    Upgrade: upgrade ? 'websocket' : undefined,
    TE: tokens(client.readByKong('TE')).includes('trailers') ? 'trailers' : undefined,
    Via: via === undefined ? ownVia : `${via}, ${ownVia}`,
    'X-Forwarded-For': forwardedFor === undefined ? clientAddress : `${forwardedFor}, ${clientAddress}`,
    'X-Forwarded-Proto': 'http',
    'X-Forwarded-Host': host,
    'X-Forwarded-Port': String(request.serverPort),
    'X-Forwarded-Path': rawPath(request.target),
    'X-Forwarded-Prefix': prefix === '/' ? undefined : prefix,
    'X-Real-IP': clientAddress,
    'X-Kong-Request-Id': request.kongRequestId,
  };
}

/** kong/runloop/balancer/init.lua `set_host_header`: the port is left out when it is the scheme's own. */
function hostOf({ protocol, host, port }: Service): string {
  const usual = protocol === 'https' ? 443 : 80;
  return port === usual ? host : `${host}:${port}`;
}

function namedByConnection(request: GatewayRequest): string[] {
  return tokens(request.clientHeaders.readByKong('Connection')).filter((name) => name !== 'upgrade');
}

function tokens(list: string | undefined): string[] {
  return (list ?? '')
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');
}
