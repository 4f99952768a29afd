import type { Outlet } from './inbound';
import type { Metrics } from './metrics';

/** An outlet whose outcomes are counted. */
export function countedOutlet(outlet: Outlet, metrics: Pick<Metrics, 'command' | 'relayed'>): Outlet {
  return {
    addCommand: async (entry, onceKey) => {
      try {
        const added = await outlet.addCommand(entry, onceKey);
        metrics.command(added ? 'added' : 'repeated');
        return added;
      } catch (error) {
        metrics.command('unconfirmed');
        throw error;
      }
    },
    publish: async (channel, message) => {
      try {
        const published = await outlet.publish(channel, message);
        metrics.relayed('published');
        return published;
      } catch (error) {
        metrics.relayed('unconfirmed');
        throw error;
      }
    },
  };
}
