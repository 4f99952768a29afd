import type { AddOutcome } from './command-stream';
import type { Outlet } from './receive';
import type { Metrics } from '../metrics/metrics';
import type { CommandOutcome } from '../metrics/outcomes';

const COUNTED_AS = {
  added: 'added',
  known: 'repeated',
  'over share': 'over_share',
} as const satisfies Record<AddOutcome, CommandOutcome>;

/** An outlet whose outcomes are counted. */
export function countedOutlet(outlet: Outlet, metrics: Pick<Metrics, 'command' | 'relayed'>): Outlet {
  return {
    addCommand: async (command) => {
      try {
        const outcome = await outlet.addCommand(command);
        metrics.command(COUNTED_AS[outcome]);
        return outcome;
      } catch (error) {
        metrics.command('unconfirmed');
        throw error;
      }
    },
    holds: (tenantId) => outlet.holds(tenantId),
    publish: async (channel, message, tenantId) => {
      try {
        const published = await outlet.publish(channel, message, tenantId);
        metrics.relayed('published');
        return published;
      } catch (error) {
        metrics.relayed('unconfirmed');
        throw error;
      }
    },
  };
}
