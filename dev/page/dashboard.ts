import type { RefreshFrame } from '../demo-frames';
import { barChart, lineChart } from './charts';
import { find } from './elements';
import type { Pane } from './pane';

/** Shows each refresh in place of the one before it. */
export function showDashboard({ client, section }: Pane<RefreshFrame>): void {
  const now = find(section, '.figure', HTMLElement);
  const orders = find(section, '.orders', HTMLElement);
  const regions = find(section, '.regions', HTMLElement);
  client.on('frame', ({ data }) => {
    now.textContent = String(data.ordersPerMinute.at(-1) ?? '–');
    orders.replaceChildren(lineChart(data.ordersPerMinute, 'Orders a minute'));
    regions.replaceChildren(barChart(data.revenueByRegion, 'Revenue today'));
  });
}
