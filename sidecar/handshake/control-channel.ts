import type { Logger } from 'pino';
import type { Receiver } from '../fanout/deliver';
import type { Metrics } from '../metrics/metrics';
import { parseRevocation, type Revocation } from './revocation';

/**
 * Hears what services tell every bridge (PROTOCOL.md §6); what is no revocation is logged and ignored.
 * @param channel its name, for the log
 * @param revoke closes the sockets that are meant and returns how many
 */
export function controlReceiver(
  channel: string,
  revoke: (revocation: Revocation) => number,
  metrics: Pick<Metrics, 'revocation'>,
  log: Logger,
): Receiver {
  return {
    senderId: undefined,
    take: ({ payload }) => {
      const revocation = parseRevocation(payload);
      if (revocation === undefined) {
        log.warn({ channel }, 'message ignored: expected a revocation');
        return;
      }
      metrics.revocation();
      log.info({ revocation, closed: revoke(revocation) }, 'revoked');
    },
  };
}
