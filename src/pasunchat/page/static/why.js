// Why so little is enough: the pushes of all changed values added up, and how the change grows on its way.
import { axesOf, chart, grid, placesFor, polyline, stepFor, text } from "./axes.js";
import { $, svg } from "./dom.js";
import { markOf, markShape, nameOf } from "./marks.js";
import { busyNote, note, wrongNote } from "./note.js";
import { whenNear } from "./near.js";
import { fooled, model, now, source, was } from "./now.js";
import { insteadOf } from "./later.js";
import { cnt, num, say, share, sign, tiny, word } from "./say.js";

const cancels = Number($("[data-walk]").dataset.cancels); // random pushes below that share of those found are said to
const WALKS = [[640, 290], [340, 300]], GROWS = [[640, 240], [340, 240]];

// Where the walk first stands above 0 and stays there, as a share of its way; null where it never does.
function crossing(walk, start) {
  for (let i = walk.length - 1; i > 0; i--) if (start + walk[i] > 0 && start + walk[i - 1] <= 0) {
    const a = start + walk[i - 1], b = start + walk[i];
    return (i - 1 + a / (a - b)) / (walk.length - 1);
  }
  return null;
}
function walkChart([W, H], { found, random }, start, label) {
  const lows = [start, start + Math.min(...found.walk, ...random.walk)], highs = [0, start + Math.max(...found.walk, ...random.walk)];
  const step = stepFor(Math.max(...highs) - Math.min(...lows), 4), low = Math.min(...lows) - 0.12 * step * 4, high = Math.max(...highs) + 0.1 * step * 4;
  const axes = axesOf(W, H, [0, 1], [low, high], { left: 40, right: 12, top: 12, bottom: 30 }), { x, y, isNarrow } = axes, b = nameOf(now.goal), goal = `c${markOf(now.goal)}`;
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push([Math.abs(v) < 1e-9 ? 0 : v, Math.abs(v) < 1e-9 ? "0" : sign(v, placesFor(step))]);
  const line = (walk) => walk.map((v, i) => [x(i / (walk.length - 1)), y(start + v)]), at = crossing(found.walk, start), end = found.walk.at(-1), rest = random.walk.at(-1);
  const parts = [svg("rect", { class: `zone ${goal}`, x: x(0), y: y(high), width: x(1) - x(0), height: y(0) - y(high) }), ...grid(axes, ticks, 0)];
  parts.push(text(`name ${goal}`, x(0) + 10, y(0) - 10, say("why_b", { b })), text("name", x(0) + 10, y(0) + 20, model().classes.length === 2 ? say("why_b", { b: nameOf(was()) }) : say("why_a", { b })));
  parts.push(polyline("walk-r", line(random.walk)), polyline("walk-f", line(found.walk)));
  parts.push(text("label end", x(1) - 4, y(start + rest) - 10, `${word("why_r")} ${sign(rest, 3)}`), text("label end", x(isNarrow ? 0.72 : 0.8), y(start + end) + (isNarrow ? 10 : 14), `${word("why_f")} ${sign(end, 2)}`));
  if (at !== null) {
    const far = at > 0.6 || isNarrow, n = Math.max(1, Number((at * found.changed).toPrecision(2)));
    parts.push(markShape(now.goal, x(at), y(0), 10), text(`label${far ? " end" : ""}`, far ? x(1) : x(at) + 14, y(0) + (far ? 40 : 22), say("why_cross", { n: cnt(n), b })));
  }
  parts.push(text("tick mid", (x(0) + x(1)) / 2, H - 6, word("why_x")));
  return chart("walk", axes, label, ...parts);
}
function drawWalk({ before, found, random }) {
  const start = before, last = found.walk.at(-1), rest = random.walk.at(-1), b = nameOf(now.goal);
  $("[data-why-p]").textContent = say("why_p", { mean: tiny(Math.abs(found.total) / Math.max(1, found.changed)), n: cnt(found.changed), pct: share(found.toward / Math.max(1, found.changed)), sum: sign(found.total, 2), lead: num(-before, 2) });
  $("[data-why-p2]").textContent = say(Math.abs(random.total) < cancels * Math.abs(found.total || 1) ? "why_p2" : "why_p2_some", { r1: cnt(random.toward), r2: cnt(random.away), b, rsum: sign(random.total, 3) });
  const label = `${word("why_f")}: ${sign(last, 2)}. ${word("why_r")}: ${sign(rest, 3)}.`;
  $("[data-walk]").replaceChildren(...WALKS.map((box) => walkChart(box, { found, random }, start, label)));
  $("[data-walk-cap]").textContent = `${say("why_y", { b })}. ${say("why_cap", { b })}`;
}
function growChart([W, H], rows, label) {
  const most = Math.max(...rows.map((r) => Math.max(r.found, r.random))), step = stepFor(most * 1.15, 4), axes = axesOf(W, H, [0, rows.length - 1], [0, Math.max(step, most * 1.2)], { left: 52, right: 16, top: 12, bottom: 32 }), { x, y, isNarrow } = axes;
  const ticks = [];
  for (let v = 0; v <= axes.y1; v += step) ticks.push([v, share(v, Math.max(0, placesFor(step) - 2))]);
  const dots = (key) => rows.map((r, i) => [x(i), y(r[key])]), found = dots("found"), random = dots("random"), end = rows.at(-1);
  const parts = [...grid(axes, ticks, null, 12), polyline("walk-r", random), polyline("walk-f", found)];
  parts.push(...found.map(([cx, cy]) => svg("rect", { class: "try ink", x: cx - 4, y: cy - 4, width: 8, height: 8 })), ...random.map(([cx, cy]) => svg("circle", { class: "random", cx, cy, r: 4 })));
  rows.forEach((_, i) => {
    if (isNarrow && rows.length > 5 && i % 2) return;
    const edge = i === 0 ? "" : i === rows.length - 1 ? " end" : " mid", name = i === 0 ? word("grow_pixels") : say("grow_i", { i });
    parts.push(text(`tick${edge}`, x(i), H - 8, name));
  });
  parts.push(text("label end", x(rows.length - 1) - 14, y(end.found) + 6, `${word("why_f")} ${share(end.found, end.found < 0.1 ? 1 : 0)}`), text("label end", x(rows.length - 1) - 4, y(end.random) - 12, `${word("why_r")} ${share(end.random)}`));
  return chart("grow", axes, label, ...parts);
}
function drawGrowth(rows) {
  const [first] = rows, last = rows.at(-1), values = { g0: share(first.found), gr: share(last.random), gf: share(last.found, last.found < 0.1 ? 1 : 0) };
  $("[data-grow-p]").textContent = say("grow_p", values);
  $("[data-grow]").replaceChildren(...GROWS.map((box) => growChart(box, rows, say("grow_alt", values))));
}
async function drawWhy(isFresh) {
  if (!fooled()) return;
  const { found, attack } = now;
  if (found.why === undefined) {
    insteadOf("why", busyNote("wait"));
    const more = await source.why(attack);
    Object.assign(found, more);
    if (!isFresh()) return;
  }
  insteadOf("why", found.why ? null : note("", word("why_none")));
  if (found.why) drawWalk(found.why);
  const rows = (found.growth ?? []).filter((row) => row.found !== null && row.random !== null), grown = rows.length > 1;
  $("[data-why-grow]").hidden = !grown;
  if (grown) drawGrowth(rows);
}
export function beginWhy() {
  whenNear("why", "found", drawWhy, (refusal) => insteadOf("why", wrongNote(refusal)));
}
