import type { Logger } from 'pino';
import type { Order } from '../connection/order';
import type { Receiver } from '../fanout/deliver';
import type { Metrics } from '../metrics/metrics';
import { parseOrder } from './orders';

/** The control channel works with these. */
export interface ControlContext {
  /** Its name, for the log. */
  readonly channel: string;
  /** Ends the sockets that are meant, and returns how many. */
  readonly obey: (order: Order) => number;
  readonly metrics: Pick<Metrics, 'revocation' | 'revokedConnections'>;
  readonly log: Logger;
}

/** Said of a message that is no order. */
const EXPECTED = 'message ignored: expected an order of PROTOCOL.md, section 6';

/** Hears what services tell every bridge (PROTOCOL.md §6); what is no order is logged and ignored. */
export function controlReceiver({ channel, obey, metrics, log }: ControlContext): Receiver {
  return {
    senderId: undefined,
    deliver: ({ payload }) => {
      const order = parseOrder(payload);
      if (order === undefined) {
        log.warn({ channel }, EXPECTED);
        return;
      }
      metrics.revocation();
      const count = obey(order);
      metrics.revokedConnections(order.type, count);
      if (order.type === 'revoke') log.info({ revocation: order, closed: count }, 'revoked');
      else log.info({ order, toClose: count }, 'to be judged anew');
    },
  };
}
