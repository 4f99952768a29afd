import type { RegionFigure } from '../demo-frames';
import { draw } from './elements';

const WIDTH = 320;

/** Horizontal bars, one a region, with their figures. */
export function barChart(figures: readonly RegionFigure[], title: string): SVGSVGElement {
  const rowHeight = 26;
  const left = 56;
  const right = 44;
  const most = Math.max(...figures.map(({ revenue }) => revenue), Number.MIN_VALUE);
  const rows = figures.map(({ region, revenue }, row) => {
    const y = row * rowHeight;
    const width = Math.max(1, (revenue / most) * (WIDTH - left - right));
    return draw(
      'g',
      {},
      draw('text', { x: left - 8, y: y + 17, class: 'label', 'text-anchor': 'end' }, region),
      draw('rect', { x: left, y: y + 5, width: width.toFixed(1), height: 16, rx: 3, class: 'bar' }),
      draw(
        'text',
        { x: (left + width + 7).toFixed(1), y: y + 17, class: 'value' },
        `${revenue.toFixed(2)} M`,
      ),
    );
  });
  const said = figures.map(({ region, revenue }) => `${region} ${revenue.toFixed(2)} million`).join(', ');
  return chart(figures.length * rowHeight, `${title}: ${said}`, rows);
}

/** A line from the oldest value to the newest, on a scale that begins at zero. */
export function lineChart(values: readonly number[], title: string): SVGSVGElement {
  const height = 84;
  const most = Math.max(...values, 1) * 1.1;
  const x = (index: number): number => (index / Math.max(1, values.length - 1)) * (WIDTH - 12) + 2;
  const y = (value: number): number => height - 4 - (value / most) * (height - 8);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const last = values.at(-1) ?? 0;
  const end = values.length - 1;
  const area = `M${x(0).toFixed(1)},${height} L${points.join(' L')} L${x(end).toFixed(1)},${height} Z`;
  return chart(height, `${title}: now ${last}`, [
    draw('path', { d: area, class: 'area' }),
    draw('polyline', { points: points.join(' '), class: 'line' }),
    draw('circle', { cx: x(end).toFixed(1), cy: y(last).toFixed(1), r: 3.5, class: 'dot' }),
  ]);
}

function chart(height: number, label: string, children: readonly Node[]): SVGSVGElement {
  const viewBox = `0 0 ${WIDTH} ${height}`;
  return draw('svg', { viewBox, class: 'chart', role: 'img', 'aria-label': label }, ...children);
}
