// One small sum: a unit of the first layer, its pixels, its kernel, their products.
import { $, latest, make } from "./dom.js";
import { whenNear } from "./near.js";
import { model, now, source } from "./now.js";
import { inkOn } from "./numbers.js";
import { highest, paintMap, peakOf } from "./pixels.js";
import { pointing } from "./pointing.js";
import { hasRooms, layersAt, refusedRoom } from "./rooms.js";
import { num, rich, say, sign, word } from "./say.js";
import { seeAWhile } from "./squares.js";

const COLOURS = ["red", "green", "blue"], LEGIBLE = 5, SLIDE = 250; // ms a step
const unit = { k: 2, x: 0, y: 0 }, mapbox = $("[data-unit-map]"), slide = $('[data-do="slide"]');
let layer = null, before = null; // facts of the first layer, its maps before pooling
let sliding = 0, unitOf = null;

const info = () => model().layers.find((one) => one.name === model().first);
const stride = () => before.side[0] / layer.side[0]; // of the pooling

function drawUnitMap() {
  const [h, w] = before.side, area = h * w;
  paintMap($("canvas", mapbox), before.maps, unit.k, before.side, highest(before.maps, unit.k * area, (unit.k + 1) * area));
  $("[data-unit-cap]").textContent = say("unit_map", { k: layer.shown[unit.k] + 1 });
  $("[data-ker]").textContent = say("unit_ker", { k: layer.shown[unit.k] + 1 });
  $("[data-kernel-out]").textContent = layer.shown[unit.k] + 1;
}
function square(values, wide, kind) {
  const box = make("div", { class: wide > LEGIBLE ? "g3 dense" : "g3" });
  box.style.gridTemplateColumns = `repeat(${wide}, minmax(0, 1fr))`;
  const top = Math.max(...values.map(Math.abs), 1e-9);
  box.append(...values.map((v) => {
    const cell = make("i", { title: num(v, 3) }, wide > LEGIBLE ? "" : num(v, 2));
    if (kind === "signed" && Math.abs(v) >= (wide > LEGIBLE ? top / 20 : 0.005)) cell.className = v > 0 ? "p" : "m";
    return cell;
  }));
  return box;
}
// One colour: pixels as they are, kernel, products.
function colourRow(c, terms, wide) {
  const of = terms.filter((t) => t.map === c), pixels = square(of.map((t) => t.value), wide, "plain");
  const { mean, std } = model();
  [...pixels.children].forEach((cell, i) => {
    const level = Math.round(255 * (of[i].value * (std[c] ?? 1) + (mean[c] ?? 0))), shown = Math.min(255, Math.max(0, level));
    const rgb = [0, 1, 2].map((k) => (k === c ? shown : 0));
    cell.style.background = `rgb(${rgb})`;
    cell.style.color = inkOn(...rgb);
  });
  const times = make("span", { "aria-hidden": "true" }, "×"), equals = make("span", { "aria-hidden": "true" }, "=");
  return make("div", { class: "trio", role: "group", "aria-label": word(COLOURS[c]) }, pixels, times, square(of.map((t) => t.weight), wide, "signed"), equals, square(of.map((t) => t.product), wide, "signed"));
}
const drawUnit = latest(async () => {
  const { run, photo } = now, { k, x, y } = unit, it = await source.unit(photo.photo, run, model().first, layer.shown[k], y, x);
  if (run !== now.run || photo !== now.photo) return;
  const maps = [...new Set(it.terms.map((t) => t.map))].sort((a, b) => a - b), wide = Math.round(Math.sqrt(it.terms.length / maps.length));
  $("[data-grids]").replaceChildren(...maps.map((c) => colourRow(c, it.terms, wide)));
  $("[data-t-n]").textContent = say("unit_sum", { n: it.terms.length });
  const put = (name, v) => ($(`[data-t="${name}"]`).textContent = sign(v, 3)), through = it.sum + it.bias, isRelu = Math.abs(Math.max(0, through) - it.value) < 1e-4 * (1 + Math.abs(through));
  put("sum", it.sum);
  put("bias", it.bias);
  put("relu", isRelu ? Math.max(0, through) : it.value);
  put("max", it.value);
  $("[data-t-relu]").textContent = word(isRelu ? "unit_relu" : "unit_value");
  $("[data-t-last]").hidden = stride() === 1 || !isRelu;
  const [h, w] = before.side, cross = $(".cross", mapbox), [oy, ox] = it.of;
  cross.style.width = `${Math.max(3, 100 / w)}%`;
  cross.style.left = `${(100 * (ox + 0.5)) / w}%`;
  cross.style.top = `${(100 * (oy + 0.5)) / h}%`;
});
async function moveUnit(x, y) {
  Object.assign(unit, { x, y });
  const [first, off, size] = info().sees ?? [];
  if (size) seeAWhile(x * first + off, y * first + off, size);
  await drawUnit();
}
function stopSlide() {
  clearInterval(sliding);
  sliding = 0;
  slide.textContent = word("unit_play");
}
function slideOn() {
  if (document.hidden) return;
  const [h, w] = layer.side, left = Math.floor(w * 0.3), right = Math.floor(w * 0.7);
  if (unit.x + 1 > right) moveUnit(left, (unit.y + 1) % h);
  else moveUnit(unit.x + 1, unit.y);
}
async function drawSum(isFresh) {
  stopSlide();
  if (!hasRooms("sum") || !model().first) return;
  const { first, mean, std } = model(), found = (await layersAt("photo")).find((one) => one.name === first), { kernel } = info();
  const maps = await source.maps(now.photo.photo, now.run, first, true);
  if (!isFresh()) return;
  [layer, before] = [found, maps];
  const slider = $('[data-do="kernel"]');
  slider.max = layer.shown.length;
  unit.k = Math.min(unit.k, layer.shown.length - 1);
  slider.value = unit.k + 1;
  if (unitOf !== now.photo) { // where the kernel finds most of what it looks for
    const [x, y] = peakOf(before.maps, unit.k, before.side);
    Object.assign(unit, { x: Math.floor(x / stride()), y: Math.floor(y / stride()) });
    unitOf = now.photo;
  }
  const n = kernel[0] * kernel[1] * 3, pooled = stride() === 2;
  $("[data-unit-p]").replaceChildren(rich(pooled ? "unit_p" : "unit_p_plain", { k: kernel[0], n }));
  const low = Math.min(...mean.map((m, i) => -m / std[i])), high = Math.max(...mean.map((m, i) => (1 - m) / std[i]));
  $("[data-unit-p2]").textContent = mean.length ? say("unit_p2", { n, lo: sign(low, 1), hi: sign(high, 1) }) : "";
  drawUnitMap();
  await drawUnit();
}
export function beginUnit() {
  whenNear("sum", "photo models theme", drawSum, refusedRoom("sum"));
  pointing(mapbox, () => layer?.side ?? [1, 1], () => unit, (x, y) => {
    if (!layer) return;
    stopSlide();
    moveUnit(x, y);
  });
  $('[data-do="kernel"]').addEventListener("input", (e) => {
    if (!before) return;
    unit.k = Number(e.target.value) - 1;
    drawUnitMap();
    drawUnit();
  });
  slide.addEventListener("click", () => {
    if (sliding) return stopSlide();
    if (!before) return undefined;
    slide.textContent = word("unit_pause");
    sliding = setInterval(slideOn, SLIDE);
    return undefined;
  });
}
