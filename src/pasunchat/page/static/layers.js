// The same sum, again and again: the maps of the layers that are shown, one of them open.
import { $, $$, latest, make } from "./dom.js";
import { whenNear } from "./near.js";
import { fooled, model, now, source, tell, watch } from "./now.js";
import { highest, paintMap, peakOf } from "./pixels.js";
import { placeOn, pointing } from "./pointing.js";
import { hasRooms, layersAt, pictureId, refusedRoom } from "./rooms.js";
import { cnt, num, say, sign, word } from "./say.js";
import { see, seeAWhile } from "./squares.js";

const TERMS = 4, big = $("[data-big]"), table = $("[data-table]");
const open = { row: 1, k: 5, x: 22, y: 24 };
let mapsOf = "photo", openOf = null, rooms = []; // rooms: [{ info, side, maps, shown }] of what is shown

const hasOpen = () => rooms.length > open.row;

// The rows of maps, empty; filled by `paintRooms`.
function drawRows(facts) {
  $("[data-rooms]").replaceChildren(...facts.map(({ side: [h, w], channels, shown, sees, parameters }, row) => {
    const values = { n: cnt(channels), h, w, k: shown.length }, caption = make("p", { class: "cap" }, make("b", {}, say("lay_row", { i: row + 1 })), " ", make("span", {}, say(shown.length < channels ? "lay_row_k" : "lay_row_s", values)));
    if (sees) caption.append(" ", make("span", {}, say("lay_sees", { r: sees[2] })));
    caption.append(" ", make("span", {}, say("lay_params", { n: cnt(parameters) })));
    const maps = make("div", { class: "maps" }, ...shown.map((map, k) => mapButton(row, k, map, h, w)));
    return make("div", { class: "room" }, caption, maps);
  }));
}
function mapButton(row, k, map, h, w) {
  const button = make("button", { type: "button", class: "map", "aria-label": say("lay_open", { i: row + 1, k: map + 1 }), "aria-pressed": "false" }, make("canvas", { width: w, height: h }));
  button.addEventListener("pointermove", (e) => seeUnit(row, ...placeOn(button, [h, w], e)));
  button.addEventListener("pointerleave", () => see());
  button.addEventListener("click", (e) => {
    const [x, y] = e.detail ? placeOn(button, [h, w], e) : [w >> 1, h >> 1];
    openMap({ row, k, x, y });
  });
  return button;
}
function seeUnit(row, x, y) {
  const sees = rooms[row]?.info.sees;
  if (!sees) return;
  const [stride, off, size] = sees;
  seeAWhile(x * stride + off, y * stride + off, size);
}
function openMap(to) {
  Object.assign(open, to);
  drawOpen();
  seeUnit(open.row, open.x, open.y);
}
function paintRooms() {
  const each = $('[data-do="grey"]').value === "each";
  $$(".maps").forEach((row, i) => {
    if (!rooms[i]) return;
    const { side, maps, top } = rooms[i], area = side[0] * side[1];
    $$("canvas", row).forEach((canvas, k) => paintMap(canvas, maps, k, side, each ? highest(maps, k * area, (k + 1) * area) : top));
  });
}
const drawOpen = latest(async () => {
  if (!hasOpen()) return;
  const { row, x, y } = open, { info, side, maps, shown } = rooms[row], k = Math.min(open.k, shown.length - 1), [h, w] = side, area = h * w, value = maps[k * area + y * w + x];
  paintMap($("canvas", big), maps, k, side, highest(maps, k * area, (k + 1) * area));
  const cross = $(".cross", big);
  cross.style.width = `${Math.max(3, 100 / w)}%`;
  cross.style.left = `${(100 * (x + 0.5)) / w}%`;
  cross.style.top = `${(100 * (y + 0.5)) / h}%`;
  $$(".maps").forEach((one, i) => $$(".map", one).forEach((button, j) => button.setAttribute("aria-pressed", i === row && j === k)));
  $("[data-open-name]").textContent = say("lay_open", { i: row + 1, k: shown[k] + 1 });
  $("[data-open-val]").textContent = value > 1e-6 || value < -1e-6 ? say("lay_val", { v: num(value, 3) }) : word("lay_none");
  await drawTerms({ row, k, x, y, info, map: shown[k] });
});
// Where its value comes from: the largest products.
async function drawTerms({ row, info, map, x, y }) {
  const list = $("[data-terms]"), top = $("[data-open-top]");
  const hide = row === 0 || mapsOf === "diff";
  top.hidden = hide;
  if (hide) return list.replaceChildren();
  const of = rooms, it = await source.unit(pictureId(mapsOf), now.run, info.name, map, y, x);
  if (of !== rooms) return undefined;
  top.hidden = !it;
  if (!it) return list.replaceChildren();
  const layer = model().layers.find((one) => one.name === info.name), n = layer.kernel[0] * layer.kernel[1] * (layer.inputs / layer.groups);
  const most = [...it.terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, TERMS), before = layerBefore(row, layer);
  top.textContent = say("lay_top", { n: cnt(n) });
  list.replaceChildren(...most.map((t) => {
    const name = before ? say("lay_open", { i: row, k: t.map + 1 }) : say("lay_map", { k: t.map + 1 });
    return make("li", {}, smallMap(before, t.map), make("span", {}, `${name}: ${num(t.value, 2)} × ${num(t.weight, 2)} = ${sign(t.product, 2)}`));
  }));
  return undefined;
}
// The row above, where its maps are what this layer is given.
function layerBefore(row, layer) {
  const before = rooms[row - 1], names = model().layers.map((one) => one.name);
  return before && names.indexOf(layer.name) === names.indexOf(before.info.name) + 1 ? before : null;
}
function smallMap(before, map) {
  const canvas = make("canvas", { width: 1, height: 1, "aria-hidden": "true" }), k = before ? before.shown.indexOf(map) : -1;
  if (k < 0) return canvas;
  const area = before.side[0] * before.side[1];
  paintMap(canvas, before.maps, k, before.side, highest(before.maps, k * area, (k + 1) * area));
  return canvas;
}

// The maps of one picture, or the difference of two, where both show the same map.
async function loadRooms(which) {
  const facts = await layersAt(which === "diff" ? "photo" : which), of = (name, kind) => source.maps(pictureId(kind), now.run, name);
  const other = which === "diff" ? await layersAt("changed") : null;
  return Promise.all(facts.map(async (info) => {
    const { side, maps } = await of(info.name, which === "diff" ? "photo" : which);
    if (!other) return { info, side, maps, shown: info.shown, top: highest(maps) };
    const there = other.find((one) => one.name === info.name), second = (await of(info.name, "changed")).maps, area = side[0] * side[1], between = new Float32Array(maps.length);
    info.shown.forEach((map, k) => {
      const at = there.shown.indexOf(map);
      if (at >= 0) for (let i = 0; i < area; i++) between[k * area + i] = Math.abs(second[at * area + i] - maps[k * area + i]);
    });
    return { info, side, maps: between, shown: info.shown, top: highest(between) };
  }));
}
async function drawLayers(isFresh) {
  if (!hasRooms("layers")) return;
  const loaded = await loadRooms(mapsOf);
  if (!isFresh()) return;
  rooms = loaded;
  const sees = rooms.map((room) => room.info.sees && room.info.sees[2]);
  $("[data-layers-p]").textContent = sees.every(Boolean) ? say("lay_p", { list: sees.join(word("lay_then")) }) : word("lay_p_any");
  const deep = $("[data-deep]"), { layers } = model();
  deep.hidden = rooms.length >= layers.filter((one) => one.kind !== "dense").length;
  if (!deep.hidden) deep.textContent = say("g_deep", { n: layers.length, k: rooms.length });
  if (openOf !== now.photo) { // at the largest value of a map in the middle
    const row = Math.min(open.row, rooms.length - 1), k = Math.min(open.k, rooms[row].shown.length - 1), [x, y] = peakOf(rooms[row].maps, k, rooms[row].side);
    Object.assign(open, { row, k, x, y });
    openOf = now.photo;
  }
  drawRows(rooms.map((room) => room.info));
  paintRooms();
  await drawOpen();
}
function drawTable() {
  const rows = model().table ?? [], head = ["t_layer", "t_kind", "t_out", "t_rf", "t_par"].map((key) => make("th", { scope: "col" }, word(key)));
  const sum = rows.reduce((total, one) => total + one.parameters, 0);
  table.replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows.map((one) => make("tr", {}, make("th", { scope: "row" }, make("code", {}, one.name)), ...[word("kind_" + one.kind) ?? one.kind, sizeOf(one.output), seesOf(one.sees), cnt(one.parameters)].map((t) => make("td", {}, t)))), make("tr", { class: "sum" }, make("th", { scope: "row" }, word("t_sum")), make("td"), make("td"), make("td"), make("td", {}, cnt(sum)))));
}
const sizeOf = (output) => (Array.isArray(output) ? output.map(cnt).join(" × ") : String(output));
const seesOf = (sees) => (sees ? `${Array.isArray(sees) ? sees.at(-1) : sees} × ${Array.isArray(sees) ? sees.at(-1) : sees}` : "–");

export function beginLayers() {
  whenNear("layers", "photo found models maps theme", drawLayers, refusedRoom("layers"));
  watch("found", () => {
    for (const choice of $$("input[name=maps]")) choice.disabled = choice.value !== "photo" && !fooled();
    if (!fooled()) setMaps("photo");
  });
  watch("photo models", drawTable);
  drawTable();
  pointing(big, () => (hasOpen() ? rooms[open.row].side : [1, 1]), () => open, (x, y) => { if (hasOpen()) openMap({ x, y }); });
  $('[data-do="grey"]').addEventListener("change", paintRooms);
  for (const choice of $$("input[name=maps]")) choice.addEventListener("change", () => { setMaps(choice.value); tell("maps"); });
}
function setMaps(which) {
  mapsOf = which;
  $(`input[name=maps][value=${which}]`).checked = true;
}
