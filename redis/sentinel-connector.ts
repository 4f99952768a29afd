import { SentinelConnector, type Redis, type RedisOptions } from 'ioredis';
import { giveUpSilent } from './give-up-silent';

/** What ioredis has, but does not declare. */
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
      const sentinel = connect(endpoint, more);
      giveUpSilent(sentinel, { timeoutMs });
      // Why none can be asked, the connection to the master tells; without a listener ioredis writes to standard error.
      sentinel.on('error', () => undefined);
      return sentinel;
    };
  }
}

const DEFAULT_TIMEOUT_MS = 1000;
