import type { Socket } from 'node:net';
import { SentinelConnector, type Redis, type RedisOptions } from 'ioredis';
import { NodeConnector } from './node-connector';
import { hearRefusedConnection } from './refused-connection';
import { giveUpSilent } from './give-up-silent';

type ErrorEmitter = Parameters<SentinelConnector['connect']>[0];

/** Members that ioredis has, but does not declare. */
interface ConnectorInsides {
  connectToSentinel: (endpoint: unknown, options?: RedisOptions) => Redis;
}

/**
 * A connector to the master that sentinels name, whose connections to the sentinels are given up when they go silent. ioredis
 * keeps one to each, on which a sentinel tells of a failover: dead, it would never tell.
 */
export class LiveSentinelConnector extends SentinelConnector {
  /** @param options those of the connection, which ioredis hands over untyped */
  constructor(options: unknown) {
    const typed = options as RedisOptions;
    super(typed);
    const insides = this as unknown as ConnectorInsides;
    const connect = insides.connectToSentinel.bind(this);
    const timeoutMs = typed.sentinelCommandTimeout ?? DEFAULT_TIMEOUT_MS;
    insides.connectToSentinel = (endpoint, more) => {
      // CLIENT SETINFO would need one more right.
      const sentinel = connect(endpoint, { ...more, disableClientInfo: true, Connector: NodeConnector });
      giveUpSilent(sentinel, { timeoutMs });
      hearResubscription(sentinel);
      // Why none can be asked, the connection to the master tells; without a listener ioredis writes to standard error.
      sentinel.on('error', () => undefined);
      return sentinel;
    };
  }

  override async connect(emit: ErrorEmitter): Promise<Socket> {
    const socket = await super.connect(emit);
    hearRefusedConnection(socket);
    return socket;
  }

  override disconnect(): void {
    // As in NodeConnector; what the sentinels tell is let go of in any case.
    if ((this.stream as Socket | undefined)?.closed === true) Reflect.deleteProperty(this, 'stream');
    super.disconnect();
  }
}

const DEFAULT_TIMEOUT_MS = 1000;

/**
 * ioredis subscribes again by itself after a reconnect, and hears no rejection of it (its `readyHandler`). A rejection
 * because the connection was let go of meanwhile would end the process.
 */
function hearResubscription(sentinel: Redis): void {
  const subscribe = sentinel.subscribe.bind(sentinel) as (...args: unknown[]) => Promise<unknown>;
  const heard = (...args: unknown[]): Promise<unknown> => {
    const subscribed = subscribe(...args);
    subscribed.catch(() => undefined);
    return subscribed;
  };
  sentinel.subscribe = heard;
}
