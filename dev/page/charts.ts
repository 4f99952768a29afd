import type { RegionFigure } from '../demo/frames';
import { draw } from './elements';

const WIDTH = 320;

/** Horizontal bars, one a region, with their figures. */
export function barChart(figures: readonly RegionFigure[], title: string): SVGSVGElement {
  const rowHeight = 21;
  const left = 56;
  const right = 56;
  const most = Math.max(...figures.map(({ revenue }) => revenue), Number.MIN_VALUE);
  const rows = figures.map(({ region, revenue }, row) => {
    const y = row * rowHeight;
    const width = Math.max(1, (revenue / most) * (WIDTH - left - right));
    return draw(
      'g',
      {},
      draw('text', { x: left - 8, y: y + 15, class: 'label', 'text-anchor': 'end' }, region),
      draw('rect', { x: left, y: y + 3, width: width.toFixed(1), height: 15, rx: 3, class: 'bar' }),
      draw(
        'text',
        { x: (left + width + 7).toFixed(1), y: y + 15, class: 'value' },
        `${revenue.toFixed(2)} M`,
      ),
    );
  });
  const said = figures.map(({ region, revenue }) => `${region} ${revenue.toFixed(2)} million`).join(', ');
  return chart(WIDTH, figures.length * rowHeight, `${title}: ${said}`, rows);
}

/** A line from the oldest value to the newest, on a scale that begins at zero. */
export function lineChart(values: readonly number[], title: string): SVGSVGElement {
  const width = 2 * WIDTH;
  const height = 84;
  const most = Math.max(...values, 1) * 1.1;
  const x = (index: number): number => (index / Math.max(1, values.length - 1)) * (width - 12) + 4;
  const y = (value: number): number => height - 4 - (value / most) * (height - 8);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const last = values.at(-1) ?? 0;
  const end = values.length - 1;
  const area = `M${x(0).toFixed(1)},${height} L${points.join(' L')} L${x(end).toFixed(1)},${height} Z`;
  return chart(width, height, `${title}: now ${last}`, [
    draw('path', { d: area, class: 'area' }),
    draw('polyline', { points: points.join(' '), class: 'line' }),
    draw('circle', { cx: x(end).toFixed(1), cy: y(last).toFixed(1), r: 4, class: 'dot' }),
  ]);
}

function chart(width: number, height: number, label: string, children: readonly Node[]): SVGSVGElement {
  const viewBox = `0 0 ${width} ${height}`;
  return draw('svg', { viewBox, class: 'chart', role: 'img', 'aria-label': label }, ...children);
}
