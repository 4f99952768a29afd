import type { Logger } from 'pino';
import type { OpenConnection } from '../connection/open-connections';
import type { LoopShares } from '../lib/loop-shares';
import type { RedisNames } from '../redis/names';
import type { Publish } from '../redis/publish';

/** A service asks who is connected (PROTOCOL.md §6). */
export interface ListRequest {
  readonly type: 'list';
  /** Names the request in each answer. */
  readonly id: string;
  /** Names the channel for the answers. */
  readonly reply: string;
  readonly tenant: string;
  readonly user?: string | undefined;
}

/** A user's connections by the names of their routes. */
interface Row {
  readonly user: string;
  readonly routes: Readonly<Record<string, number>>;
}

type Answer =
  | { readonly type: 'listed'; readonly page: number; readonly last: boolean; readonly users: readonly Row[] }
  | { readonly type: 'refused'; readonly reason: 'busy' };

/** A page ends at the first user behind so many bytes. */
export const PAGE_BYTES = 16_384;
/** It ends at the first user behind so many connections, too, so that making one never holds up the loop. */
export const PAGE_CONNECTIONS = 500;
/** So many requests are answered at once; the bridge refuses further ones. */
export const MAX_LISTS = 8;

/** Lists are made of these. */
export interface ConnectionListsContext {
  readonly bridgeId: string;
  readonly names: RedisNames;
  readonly find: (whom: Pick<ListRequest, 'tenant' | 'user'>) => Iterable<OpenConnection>;
  readonly publish: Publish;
  readonly shares: LoopShares;
  readonly log: Logger;
}

/** Tells services who is connected to this bridge, page by page. */
export class ConnectionLists {
  readonly #context: ConnectionListsContext;
  #running = 0;

  constructor(context: ConnectionListsContext) {
    this.#context = context;
  }

  /** Answers on the channel that the request names. Never rejects. */
  async answer(request: ListRequest): Promise<void> {
    const isBusy = this.#running >= MAX_LISTS;
    this.#running += 1;
    try {
      if (isBusy) await this.#send(request, { type: 'refused', reason: 'busy' });
      else await this.#sendPages(request);
    } catch (error) {
      this.#context.log.warn({ err: error, id: request.id }, 'list of connections not sent');
    } finally {
      this.#running -= 1;
    }
  }

  /** One page after the other: the next is made when Redis has the one before. */
  async #sendPages(request: ListRequest): Promise<void> {
    const { find, shares } = this.#context;
    const pages = new Pages(find({ tenant: request.tenant, user: request.user }));
    let page = 0;
    do {
      const users = await shares.ask(request.tenant, () => pages.next());
      await this.#send(request, { type: 'listed', page, last: pages.isOver, users });
      page += 1;
    } while (!pages.isOver);
  }

  #send({ id, reply }: ListRequest, { type, ...members }: Answer): Promise<number> {
    const { names, bridgeId, publish } = this.#context;
    return publish(names.reply(reply), JSON.stringify({ type, id, bridge: bridgeId, ...members }));
  }
}

/** The rows of connections that come user by user, in pages. */
class Pages {
  readonly #connections: Iterator<OpenConnection, void>;
  #next: OpenConnection | undefined;
  #at = 0;

  constructor(connections: Iterable<OpenConnection>) {
    this.#connections = connections[Symbol.iterator]() as Iterator<OpenConnection, void>;
    this.#next = this.#connections.next().value ?? undefined;
  }

  get isOver(): boolean {
    return this.#next === undefined;
  }

  next(): readonly Row[] {
    const rows: Row[] = [];
    const from = this.#at;
    let bytes = 0;
    while (!this.isOver && bytes < PAGE_BYTES && this.#at - from < PAGE_CONNECTIONS) {
      const row = this.#row();
      bytes += Buffer.byteLength(JSON.stringify(row));
      rows.push(row);
    }
    return rows;
  }

  #row(): Row {
    const user = this.#next?.caller.identity.userId ?? '';
    const routes = new Map<string, number>();
    while (this.#next?.caller.identity.userId === user) {
      const { routeName } = this.#next;
      routes.set(routeName, (routes.get(routeName) ?? 0) + 1);
      this.#next = this.#connections.next().value ?? undefined;
      this.#at += 1;
    }
    return { user, routes: Object.fromEntries(routes) };
  }
}
