/** The tenants that the demo's services publish for. */
export const DEMO_TENANTS = ['acme', 'globex'] as const;

/** The dashboard that the demo's service refreshes. */
export const DEMO_DASHBOARD = 'sales';

/** A region's revenue. */
export interface RegionFigure {
  readonly region: string;
  /** Millions. */
  readonly revenue: number;
}

/** All that the demo's dashboard shows: each refresh replaces the one before it. */
export interface RefreshFrame {
  readonly type: 'refresh';
  readonly data: {
    /** The last minutes, oldest first. */
    readonly ordersPerMinute: readonly number[];
    readonly revenueByRegion: readonly RegionFigure[];
  };
}

/** Something that a user should know. */
export interface NotificationFrame {
  readonly type: 'notification';
  readonly data: {
    readonly text: string;
    /** Whether it is for this user alone, or for everyone of the tenant. */
    readonly to: 'user' | 'everyone';
  };
}

/** The chart that the demo's answers come with. */
export interface BarChartConfig {
  readonly type: 'bar';
  readonly x: 'region';
  readonly y: 'revenue';
  readonly data: readonly RegionFigure[];
}
