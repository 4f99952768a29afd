import type { RefreshFrame } from './frames';

/** The figures of a dashboard. */
export type Figures = RefreshFrame['data'];

const REGIONS = ['North', 'East', 'South', 'West'];
/** How many minutes the line goes back. */
const SHOWN_MINUTES = 40;

/**
 * Figures to begin with.
 * @param random in [0, 1), asked for each figure
 */
export function firstFigures(random: () => number): Figures {
  let figures: Figures = {
    ordersPerMinute: [],
    revenueByRegion: REGIONS.map((region) => ({ region, revenue: rounded(0.5 + random() * 1.5) })),
  };
  for (let i = 0; i < SHOWN_MINUTES; i += 1) figures = nextFigures(figures, random);
  return figures;
}

/** The figures a moment later: each a little away from where it was. */
export function nextFigures({ ordersPerMinute, revenueByRegion }: Figures, random: () => number): Figures {
  const last = ordersPerMinute.at(-1) ?? 120;
  const next = Math.round(Math.min(200, Math.max(40, last + (random() - 0.5) * 30)));
  return {
    ordersPerMinute: [...ordersPerMinute, next].slice(-SHOWN_MINUTES),
    revenueByRegion: revenueByRegion.map(({ region, revenue }) => ({
      region,
      revenue: rounded(Math.min(3, Math.max(0.2, revenue + (random() - 0.5) * 0.2))),
    })),
  };
}

function rounded(millions: number): number {
  return Math.round(millions * 100) / 100;
}
