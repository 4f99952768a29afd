import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { nginxErrorAnswer } from './http/answer';
import { httpClient, upgradeClient, type Client } from './http/client';
import { parseDeclaration } from './declarative/file';
import { serve } from './exchange';
import type { Log } from './lib/log';
import type { LuaTable } from './lib/lua';
import { pluginConfig } from './plugin-config/config';
import { queryPlugin } from './plugin-config/plugin-dump';
import { PRODUCT } from './lib/product';
import type { ResolveMap } from './http/targets';
import { environmentVault } from './plugin-config/vault';
import { Worker } from './worker';

export type { Log, LogLevel } from './lib/log';
export { DeclarationError } from './declarative/entities';

/** How a stand-in gateway is set up. */
export interface GatewayOptions {
  /** Path of `kong.yml`. */
  readonly configFile: string;
  /** Port to listen on; 0 takes a free one. */
  readonly port: number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Shell command that prints the plugin's dump, Kong's `pluginserver_X_query_cmd`. */
  readonly queryCommand: string;
  /** Path of the plugin server's Unix socket, Kong's `pluginserver_X_socket`. */
  readonly socketPath: string;
  /** The environment that `{vault://env/…}` looks into. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `host:port` of a service, and the `host:port` to connect to instead. Default none. */
  readonly resolve?: ResolveMap;
  /** Milliseconds that connecting to the plugin server and each read from it may take. Default 60,000, as in Kong. */
  readonly pluginServerTimeoutMs?: number;
  /** How many workers: each has its own instances, requests go round. Default 1. */
  readonly workers?: number;
  /** Takes what Kong would write to its error log. Default: nothing is written. */
  readonly log?: Log;
  /** Takes what Kong's log plugins would write of each request that had a route, once it is over: byte strings. */
  readonly onRequestOver?: (entry: LuaTable) => void;
}

/** A gateway that is listening. */
export interface Gateway {
  /** `http://host:port`. */
  readonly url: string;
  readonly port: number;
  /**
   * Reads the configuration and the plugin again, as `kong reload`. New workers with new instances take every new request,
   * the old ones finish theirs, and open WebSockets live on. A configuration with faults changes nothing.
   * @throws DeclarationError
   */
  reload(): Promise<void>;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/**
 * Starts the stand-in for Kong, for machines without Docker. It has the same `kong.yml`, the same plugin server protocol
 * over the same kind of socket, and the same answers when something fails.
 * @throws DeclarationError when the configuration or the plugin is not what Kong would start with
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host = '127.0.0.1', log = () => undefined } = options;
  const generations = new Generations(options, log);
  await generations.next();
  const sockets = new Set<Socket>();
  // Node's own refusals are not nginx's.
  const server = createServer({ maxHeaderSize: MAX_HEADERS_BYTES, requireHostHeader: false });
  server.maxHeadersCount = 0;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (incoming, response) => {
    exchange(httpClient(incoming, response));
  });
  const takeOver = (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (socket instanceof Socket) exchange(upgradeClient(incoming, socket, head));
    else socket.destroy();
  };
  server.on('upgrade', takeOver);
  // Nobody gets through with CONNECT, and Node would cut it off without an answer.
  server.on('connect', takeOver);
  server.on('clientError', (cause: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(badRequest(cause.code === 'HPE_HEADER_OVERFLOW' ? 494 : 400));
  });
  await listen(server, options.port, host);
  const { port } = server.address() as AddressInfo;
  log('notice', `${PRODUCT} (no Kong: a stand-in for development and tests) listens on ${host}:${port}`);
  return {
    url: `http://${host}:${port}`,
    port,
    reload: () => generations.next(),
    close: async () => {
      generations.retire();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };

  function exchange(client: Client): void {
    serve(client, {
      worker: generations.pick(),
      resolve: options.resolve ?? {},
      ...{ log, onRequestOver: options.onRequestOver ?? (() => undefined) },
      newRequestId: () => randomBytes(16).toString('hex'),
      now: () => performance.now(),
    }).catch((cause: unknown) => {
      log('crit', `fault of the stand-in: ${cause instanceof Error ? (cause.stack ?? '') : String(cause)}`);
      client.incoming.socket.destroy();
    });
  }
}

/** Connections that may wait to be accepted (`proxy_listen`'s `backlog=16384`). */
const BACKLOG = 16_384;
/** The bytes that nginx takes altogether (`large_client_header_buffers 4 8k`). */
const MAX_HEADERS_BYTES = 4 * 8_192;

/** The workers of the configuration in force. */
class Generations {
  readonly #options: GatewayOptions;
  readonly #log: Log;
  #workers: readonly Worker[] = [];
  #turn = 0;
  #sequence = 0;

  constructor(options: GatewayOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** The worker whose turn it is. */
  pick(): Worker {
    const worker = this.#workers[this.#turn % this.#workers.length];
    this.#turn += 1;
    if (worker === undefined) throw new Error('there is no worker');
    return worker;
  }

  async next(): Promise<void> {
    const { configFile, queryCommand, socketPath, env = process.env } = this.#options;
    const declaration = parseDeclaration(await readFile(configFile, 'utf8'), Math.floor(Date.now() / 1000));
    const info = await queryPlugin(queryCommand);
    const vault = environmentVault(env, this.#log);
    const plugins = declaration.plugins.map((declared) => ({
      declared,
      config: pluginConfig(declared, info, vault),
    }));
    // Kong's master goes through the plugins once before its workers do, so theirs begin behind it.
    this.#sequence += plugins.length;
    const workers: Worker[] = [];
    for (let i = 0; i < (this.#options.workers ?? 1); i += 1) {
      workers.push(
        new Worker({
          ...{ declaration, plugins, info, socketPath, log: this.#log },
          timeoutMs: this.#options.pluginServerTimeoutMs ?? 60_000,
          nextSequence: () => (this.#sequence += 1),
          resetEverywhere: () => {
            for (const worker of workers) worker.resetInstances();
          },
        }),
      );
    }
    this.retire();
    this.#workers = workers;
  }

  retire(): void {
    for (const worker of this.#workers) worker.retire();
  }
}

function badRequest(status: 400 | 494): string {
  const kongRequestId = randomBytes(16).toString('hex');
  const { headers, body } = nginxErrorAnswer(status, { kongRequestId, accept: undefined });
  const type = headers.first('Content-Type') ?? '';
  return `HTTP/1.1 400 Bad Request\r\nServer: ${PRODUCT}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body.toString()}`;
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, BACKLOG, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
