import type { AddOutcome } from './command-stream';
import type { MessageSink } from './receive';
import type { Metrics } from '../metrics/metrics';
import type { CommandOutcome } from '../metrics/outcomes';

const COUNTED_AS = {
  added: 'added',
  known: 'repeated',
  'over share': 'over_share',
} as const satisfies Record<AddOutcome, CommandOutcome>;

/** A sink whose outcomes are counted. */
export function countedSink(sink: MessageSink, metrics: Pick<Metrics, 'command' | 'relayed'>): MessageSink {
  return {
    addCommand: async (command) => {
      try {
        const outcome = await sink.addCommand(command);
        metrics.command(COUNTED_AS[outcome]);
        return outcome;
      } catch (error) {
        metrics.command('unconfirmed');
        throw error;
      }
    },
    holds: (tenantId) => sink.holds(tenantId),
    released: (tenantId) => sink.released(tenantId),
    publish: async (channel, message, tenantId) => {
      try {
        const published = await sink.publish(channel, message, tenantId);
        metrics.relayed('published');
        return published;
      } catch (error) {
        metrics.relayed('unconfirmed');
        throw error;
      }
    },
  };
}
