// The plane: how large a change is, and how sure the goal. Tries, the film, random noise.
import { axesOf, chart, grid, lineOf, placesFor, polyline, stepFor, text } from "./axes.js";
import { $, make, svg } from "./dom.js";
import { markOf, markShape, said } from "./marks.js";
import { now, was } from "./now.js";
import { num, pc, say, whole, word } from "./say.js";

const BOXES = [[640, 268], [340, 270]], box = () => $("[data-plane]");
let drawn = null; // [{ axes, film, ends }] of the film that is drawn

// What the plane shows: tries [{ p, size, reached }], film [[size, p]], draws [p], and which of it is there yet.
export function drawPlane({ tries, film = [], draws = [], searching = false, label = labelBefore() }) {
  const sizes = [...tries.map((t) => t.size), ...film.map(([size]) => size)], step = stepFor(Math.max(0.2, ...sizes) * 1.02, 4), most = step * Math.ceil((Math.max(0.2, ...sizes) * 1.02) / step);
  drawn = BOXES.map(([W, H]) => ({ axes: axesOf(W, H, [0, most], [0, 1]) }));
  box().replaceChildren(...drawn.map((one) => onePlane(one, { tries, film, draws, searching, label, step, most })));
}
function onePlane(one, { tries, film, draws, searching, label, step, most }) {
  const { axes } = one, { x, y, H, isNarrow } = axes, parts = grid(axes, [[0, "0"], [0.5, whole(0.5)], [1, whole(1)]], 0.5), { goal } = now, from = now.photo.probabilities;
  for (let v = 0; v <= most + 1e-9; v += step) parts.push(text("tick mid", x(v), H - 26, num(v, placesFor(step))));
  parts.push(text("tick mid", (x(0) + x(most)) / 2, H - 7, word(isNarrow ? "fool_x_short" : "fool_x")), text("tick", x(0) + 6, y(0.5) - 7, word("fool_half")));
  const last = film.length && film.at(-1);
  if (last && draws.length) {
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length, c = `c${markOf(was())}`;
    parts.push(polyline(`random ${c}`, [[x(0), y(from[goal])], [x(most), y(mean)]]), ...draws.map((p) => svg("circle", { class: `random ${c}`, cx: x(last[0]), cy: y(p), r: 3.5 })));
  }
  one.points = film.map(([size, p]) => [x(size), y(p)]);
  one.film = polyline("film", one.points, { pathLength: 1 });
  parts.push(one.film, polyline(`path c${markOf(goal)}`, tries.map((t) => [x(t.size), y(t.p)])), ...tries.map((t) => markShape(isGoal(t) ? goal : was(), x(t.size), y(t.p), 8)));
  if (last && !searching) {
    const low = draws.length ? draws[0] : from[goal], high = last[1] > 0.5;
    one.marker = svg("g", { class: "marker", transform: `translate(${one.points.at(-1).join(" ")})` }, svg("rect", { x: -8, y: -8, width: 16, height: 16 }));
    const right = x(last[0]) > x(most) * 0.72 || isNarrow;
    parts.push(one.marker, text(`name c${markOf(goal)}${right ? " end" : ""}`, x(last[0]) + (right ? -14 : 16), y(last[1]) + (isNarrow ? 4 : high ? 26 : -16), said(goal, last[1], true)));
    if (was() !== goal) parts.push(text(`name c${markOf(was())}${right ? " end" : ""}`, x(last[0]) + (right ? -14 : 16), y(low) - 12, said(was(), from[was()], true)));
  }
  return chart("plane", axes, label, ...parts);
}
// Whether a try is read as the goal: with two classes the share says so.
const isGoal = (t) => (t.label === undefined ? t.p > 0.5 : t.label === now.goal);

// How far the film is let in: the line up to there, the marker on it.
export function planeAt(i, last) {
  for (const { film, points, marker } of drawn ?? []) {
    if (!points.length) continue;
    film.setAttribute("points", lineOf(points.slice(0, i + 1)));
    if (marker) marker.setAttribute("transform", `translate(${points[Math.min(i, last)].join(" ")})`);
  }
}
export function drawPlaneKey(hasRandom) {
  const goal = `c${markOf(now.goal)}`, random = `c${markOf(was())}`;
  $("[data-plane-key]").replaceChildren(
    make("span", {}, make("i", { class: `k try ${goal}` }), word("fool_k1")),
    make("span", {}, make("i", { class: "k film" }), word("fool_k2")),
    ...(hasRandom ? [make("span", {}, make("i", { class: `k rnd ${random}` }), word("fool_k3"))] : []),
  );
}
// While there is no result yet: where it starts, and what is drawn against what.
const labelBefore = () => `${said(now.goal, now.photo.probabilities[now.goal])}; ${word("fool_x")}`;
export function planeLabel(found) {
  const draws = found.control?.draws ?? [];
  return say("fool_alt", { b: said(now.goal, found.probabilities.changed[now.goal]), p0: pc(found.probabilities.photo[now.goal]), p1: pc(found.probabilities.changed[now.goal]), q: found.questions, pr: draws.length ? pc(draws[0]) : "–" });
}
