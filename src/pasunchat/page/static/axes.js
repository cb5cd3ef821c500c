// What charts share: a box of fixed size, its scales, its ticks. Each chart is drawn twice: wide, and for a phone.
import { svg } from "./dom.js";

// Scales of a drawing W x H whose data lies in [x0, x1] x [y0, y1]; around it `left`, `right`, `top`, `bottom`.
export function axesOf(W, H, [x0, x1], [y0, y1], { left = 52, right = 12, top = 12, bottom = 48 } = {}) {
  const round = (v) => Math.round(10 * v) / 10;
  return { W, H, isNarrow: W < 400, x: (v) => round(left + ((v - x0) / (x1 - x0)) * (W - left - right)), y: (v) => round(H - bottom - ((v - y0) / (y1 - y0)) * (H - top - bottom)), x0, x1, y0, y1 };
}
export const lineOf = (points) => points.map(([x, y]) => `${x},${y}`).join(" ");
export const polyline = (name, points, more = {}) => svg("polyline", { class: name, points: lineOf(points), ...more });
export const text = (name, x, y, said) => svg("text", { class: name, x, y }, said);

export function chart(name, axes, label, ...parts) {
  const { W, H, isNarrow } = axes;
  return svg("svg", { class: `${name} chart ${isNarrow ? "narrow" : "wide"}`, preserveAspectRatio: "xMinYMin meet", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label }, ...parts);
}
// Horizontal lines at [value, words], the one at `half` dotted.
export function grid(axes, ticks, half = null, far = 8) {
  return ticks.flatMap(([v, said]) => [
    svg("line", { class: v === half ? "grid half" : "grid", x1: axes.x(axes.x0), x2: axes.x(axes.x1), y1: axes.y(v), y2: axes.y(v) }),
    text("tick end", axes.x(axes.x0) - far, axes.y(v) + 4, said),
  ]);
}
// A round step so that about `count` of them fit into `range`.
export function stepFor(range, count = 4) {
  const rough = range / count, power = 10 ** Math.floor(Math.log10(rough || 1)), of = rough / power;
  return [1, 2, 2.5, 4, 5, 10].find((nice) => of <= nice + 1e-9) * power;
}
export function placesFor(step) {
  let places = 0;
  while (places < 6 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6) places++;
  return places;
}
