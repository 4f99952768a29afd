/* global document, getComputedStyle, Node, SVGElement */
// Runs in the page: the texts whose contrast with what is behind them is less than `minimum`, as WCAG 2 counts it.
(minimum) => {
  const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [red = 0, green = 0, blue = 0] = channels(color).map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    if (element === null) return 'rgb(255, 255, 255)';
    const color = getComputedStyle(element).backgroundColor;
    return (channels(color)[3] ?? 1) === 0 ? behind(element.parentElement) : color;
  };
  const contrast = (one, other) => {
    const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const isField = element.matches('input, textarea');
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const text = isField
      ? 'field'
      : own
          .map((node) => node.textContent ?? '')
          .join('')
          .trim();
    if (text === '' || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const colors = [element instanceof SVGElement ? style.fill : style.color];
    if (isField) colors.push(getComputedStyle(element, '::placeholder').color);
    const opacity = Number(style.opacity);
    const found =
      Math.min(...colors.map((color) => contrast(color, behind(element)))) * (opacity < 1 ? 0 : 1);
    if (found < minimum) faint.push({ text, contrast: found });
  }
  return faint;
};
