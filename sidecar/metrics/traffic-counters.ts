import { Counter, type Registry } from 'prom-client';

/** Counters that rise with every frame and message of a route: plain numbers, read when Prometheus asks. */
export interface Traffic {
  /** Messages from clients. */
  messagesReceived: number;
  /** The bytes of their payloads. */
  bytesReceived: number;
  /** Data frames to clients. */
  framesSent: number;
  /** The bytes of their payloads. */
  bytesSent: number;
}

const COUNTERS: readonly (readonly [keyof Traffic, name: string, help: string])[] = [
  ['messagesReceived', 'ws_bridge_messages_received_total', 'Messages from clients.'],
  ['bytesReceived', 'ws_bridge_received_bytes_total', 'Bytes of the messages from clients.'],
  ['framesSent', 'ws_bridge_frames_sent_total', 'Data frames to clients.'],
  ['bytesSent', 'ws_bridge_sent_bytes_total', 'Bytes of the data frames to clients.'],
];

/**
 * Makes the counts of each route, and the counters that read them.
 * @param routes their names; each counts from 0
 */
export function createTraffic(routes: readonly string[], registry: Registry): (route: string) => Traffic {
  const byRoute = new Map(routes.map((route) => [route, noTraffic()]));
  for (const [key, name, help] of COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ['route'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [route, traffic] of byRoute) this.inc({ route }, traffic[key]);
      },
    });
  }
  return (route) => {
    const traffic = byRoute.get(route) ?? noTraffic();
    byRoute.set(route, traffic);
    return traffic;
  };
}

function noTraffic(): Traffic {
  return { messagesReceived: 0, bytesReceived: 0, framesSent: 0, bytesSent: 0 };
}
