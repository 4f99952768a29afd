import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Redis } from 'ioredis';
import { askStream, openStream, StreamClient } from '../fakes/event-source';
import { headersFor } from '../sidecar/fixture';

const CALLER = { tenant: 'acme', user: 'ana', path: '/ws/ai/chat' };

interface Durable {
  readonly session: string;
  readonly contentType: string;
  /** Keeps its replay log, and knows the point behind everything. */
  readonly keeper: StreamClient;
}

/**
 * Gives the names of the Durable Streams protocol to a bridge's event streams. A stream is the session of a chat. PUT opens a client that
 * keeps its frames, POST publishes as a service does, and GET with `live=sse` is the bridge's own stream: its answer's status and
 * headers are passed on as they are. `offset` is the resume point, `-1` is `resume=oldest`, `now` is neither. Each event is written
 * under the suite's name, with the bridge's id in a `control` event behind it.
 */
export class DurableStreamsFront {
  readonly #bridgeUrl: string;
  readonly #redis: Redis;
  readonly #server: Server;
  readonly #streams = new Map<string, Durable>();

  private constructor(bridgeUrl: string, redis: Redis) {
    this.#bridgeUrl = bridgeUrl;
    this.#redis = redis;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(bridgeUrl: string, redis: Redis): Promise<DurableStreamsFront> {
    const front = new DurableStreamsFront(bridgeUrl, redis);
    await once(front.#server.listen(0, '127.0.0.1'), 'listening');
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#streams.values()].map(({ keeper }) => keeper.cut()));
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const body = await bodyOf(request);
    const known = this.#streams.get(url.pathname);
    if (request.method === 'GET' && url.searchParams.get('live') === 'sse')
      await this.#read(url, known, response);
    else if (request.method === 'PUT') await this.#create(url.pathname, request, body, response);
    else if (request.method === 'POST' && known !== undefined) {
      await this.#append(known, body);
      response.writeHead(204, { 'Stream-Next-Offset': known.keeper.lastEventId }).end();
    } else {
      // All else that the protocol has is none of the bridge's.
      response.writeHead(501).end();
    }
  }

  async #create(path: string, { headers }: IncomingMessage, body: Buffer, response: ServerResponse) {
    const session = path.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(-64);
    const url = `${this.#bridgeUrl}/ws/ai/chat?session=${session}`;
    const keeper = await openStream(url, await headersFor(CALLER));
    await keeper.until(() => keeper.lastEventId !== '');
    const contentType = headers['content-type'] ?? 'application/octet-stream';
    const stream = { session, contentType, keeper };
    this.#streams.set(path, stream);
    await this.#append(stream, body);
    response.writeHead(201, { 'Stream-Next-Offset': keeper.lastEventId, 'Content-Type': contentType }).end();
  }

  async #append({ session, keeper }: Durable, body: Buffer): Promise<void> {
    if (body.length === 0) return;
    const before = keeper.lastEventId;
    await this.#redis.publish(`ai:stream:${session}`, body);
    await keeper.until(() => keeper.lastEventId !== before);
  }

  async #read(url: URL, known: Durable | undefined, response: ServerResponse): Promise<void> {
    const offset = url.searchParams.get('offset') ?? 'now';
    const query = new URLSearchParams({ session: known?.session ?? 'unknown' });
    if (offset !== 'now') query.set('resume', offset === '-1' ? 'oldest' : offset);
    const answer = await askStream(
      `${this.#bridgeUrl}/ws/ai/chat?${query.toString()}`,
      await headersFor(CALLER),
    );
    if (!(answer instanceof StreamClient)) {
      response.writeHead(answer.status, answer.headers).end(answer.body);
      return;
    }
    const headers = { ...answer.response.headers };
    delete headers.connection;
    response.writeHead(200, headers).flushHeaders();
    response.once('close', () => void answer.cut());
    for (;;) {
      await answer.until(() => answer.kept > 0);
      if (answer.kept === 0) break;
      const { type, data, id } = await answer.next();
      const isTail = id === known?.keeper.lastEventId;
      if (type === 'message' || type === 'binary') response.write(eventText('data', data));
      else if (type !== 'ready' || !isTail) continue;
      const control = { streamNextOffset: id, ...(isTail && { upToDate: true }) };
      response.write(eventText('control', JSON.stringify(control)));
    }
    response.end();
  }
}

function eventText(type: string, data: string): string {
  return `event: ${type}\n${data.replaceAll(/^/gm, 'data:')}\n\n`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
