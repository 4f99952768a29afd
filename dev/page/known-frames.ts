import type { BarChartConfig, NotificationFrame, RefreshFrame, RegionFigure } from '../demo/frames';

// The frames of services that a pane can show: anything may come, and what is not understood is undefined here.

/** The chart of an answer. */
export function isBarChart(config: unknown): config is BarChartConfig {
  return isRecord(config) && config['type'] === 'bar' && areRegions(config['data']);
}

/** A refresh of the dashboard. */
export function readRefresh(value: unknown): RefreshFrame | undefined {
  if (!isRecord(value) || value['type'] !== 'refresh' || !isRecord(value['data'])) return undefined;
  const { ordersPerMinute, revenueByRegion } = value['data'];
  const known =
    Array.isArray(ordersPerMinute) && ordersPerMinute.every(isFigure) && areRegions(revenueByRegion);
  return known ? (value as unknown as RefreshFrame) : undefined;
}

/** A notification. */
export function readNotification(value: unknown): NotificationFrame | undefined {
  if (!isRecord(value) || value['type'] !== 'notification' || !isRecord(value['data'])) return undefined;
  return typeof value['data']['text'] === 'string' ? (value as unknown as NotificationFrame) : undefined;
}

function areRegions(value: unknown): value is readonly RegionFigure[] {
  return (
    Array.isArray(value) &&
    value.every((each) => isRecord(each) && typeof each['region'] === 'string' && isFigure(each['revenue']))
  );
}

function isFigure(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
