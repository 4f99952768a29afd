import type { Logger } from 'pino';
import type { Order } from '../connection/order';
import type { Receiver } from '../fanout/deliver';
import type { Metrics } from '../metrics/metrics';
import type { ListRequest } from './connection-list';
import { parseControlMessage } from './orders';

/** The control channel works with these. */
export interface ControlContext {
  /** Its name, for the log. */
  readonly channel: string;
  /** Ends the sockets that are meant, and tells how many there were. */
  readonly obey: (order: Order, onObeyed: (met: number) => void) => void;
  /** Tells who is connected. */
  readonly list: (request: ListRequest) => void;
  readonly metrics: Pick<Metrics, 'revocation' | 'revokedConnections'>;
  readonly log: Logger;
}

/** Said of a message that is none of this channel. */
const EXPECTED = 'message ignored: expected an order or a request of PROTOCOL.md, section 6';

/** Hears what services tell every bridge (PROTOCOL.md §6); what is no order is logged and ignored. */
export function controlReceiver({ channel, obey, list, metrics, log }: ControlContext): Receiver {
  return {
    senderId: undefined,
    deliver: ({ payload }) => {
      const order = parseControlMessage(payload);
      if (order === undefined) {
        log.warn({ channel }, EXPECTED);
        return;
      }
      if (order.type === 'list') {
        list(order);
        return;
      }
      metrics.revocation();
      obey(order, (met) => {
        metrics.revokedConnections(order.type, met);
        if (order.type === 'revoke') log.info({ revocation: order, closed: met }, 'revoked');
        else log.info({ order, toClose: met }, 'to be judged anew');
      });
    },
  };
}
