import type { RefreshFrame } from '../demo/frames';
import { barChart, lineChart } from './charts';
import { find } from './elements';
import { readRefresh } from './known-frames';
import type { Pane } from './pane';

/** Shows each refresh in place of the one before it. */
export function showDashboard(pane: Pane<RefreshFrame>): void {
  const { section } = pane;
  const now = find(section, '.figure', HTMLElement);
  const orders = find(section, '.orders', HTMLElement);
  const regions = find(section, '.regions', HTMLElement);
  pane.onFrame(readRefresh, ({ data }) => {
    now.textContent = String(data.ordersPerMinute.at(-1) ?? '–');
    orders.replaceChildren(lineChart(data.ordersPerMinute, 'Orders a minute'));
    regions.replaceChildren(barChart(data.revenueByRegion, 'Revenue today'));
  });
}
