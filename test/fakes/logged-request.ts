import { parseDeclaration } from '../../kong-stand-in/declarative/file';
import { HeaderList, type HeaderLine } from '../../kong-stand-in/lib/header-list';
import { logEntry } from '../../kong-stand-in/http/log-entry';
import type { PluginConfig } from '../../kong-stand-in/plugin-config/config';
import { ProtobufClient } from '../../kong-stand-in/protobuf/client';
import type { GatewayRequest } from '../../kong-stand-in/http/request';
import { rawQuery } from '../../kong-stand-in/lib/uri';

/** A client's request. */
export interface Sent {
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** Its outcome. */
export interface LoggedUpgrade {
  /** Undefined when it goes on to the upstream. */
  readonly status: number | undefined;
  /** The entry of Kong's log plugins, as JSON. */
  readonly entry: string;
  /** The headers that the upstream gets. */
  readonly upstreamHeaders: readonly HeaderLine[];
}

const { services, routes, consumers } = parseDeclaration(
  JSON.stringify({
    _format_version: '3.0',
    services: [{ name: 'ws-bridge', url: 'http://ws-bridge:8080', routes: [{ name: 'any', paths: ['/'] }] }],
  }),
  7,
);

/** An upgrade that the plugin server at `path` decides, through the stand-in's own side of the protocol. */
export async function loggedUpgrade(
  path: string,
  config: Readonly<Record<string, unknown>>,
  sent: Sent,
): Promise<LoggedUpgrade> {
  const [route] = routes;
  if (route === undefined) throw new Error('expected a route');
  const { target = '/ws/notifications' } = sent;
  const lines = Object.entries(sent.headers ?? {}).flatMap(([name, value]) =>
    [value].flat().map((item): HeaderLine => [name, item]),
  );
  const request: GatewayRequest = {
    ...{ method: 'GET', target, httpVersion: '1.1', clientHeaders: new HeaderList(lines) },
    ...{ clientAddress: '192.0.2.1', clientPort: 999, serverPort: 8000, host: 'gateway.example' },
    ...{ consumers, consumer: undefined, credential: undefined },
    ...{ kongRequestId: 'kong-id', nginxRequestId: 'nginx-id', route, service: services[0] },
    ...{ shared: new Map(), serializeValues: new Map(), clientGone: new AbortController().signal },
    ...{ headers: new HeaderList(lines), responseHeaders: new HeaderList() },
    ...{ upstreamPath: '/', query: rawQuery(target), upstreamHost: undefined },
  };
  const kong = new ProtobufClient({
    ...{ pluginName: 'ws-gatekeeper', socketPath: path, timeoutMs: 60_000 },
    ...{ log: () => undefined, onReset: () => undefined },
  });
  const answer = await kong.access('plugin', config as PluginConfig, request);
  kong.close();
  return {
    status: answer?.status,
    entry: JSON.stringify(logEntry(request, answer?.status ?? 101)),
    upstreamHeaders: request.headers.lines,
  };
}
