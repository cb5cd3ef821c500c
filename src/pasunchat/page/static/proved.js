// What can never fool it? One photo on one axis: up to where nothing does, as bounds prove; what does, as a search has shown.
import { axesOf, chart, placesFor, stepFor, text } from "./axes.js";
import { $, clamp, make, svg } from "./dom.js";
import { markIcon, markOf, nameOf } from "./marks.js";
import { busyNote, note, wrongNote } from "./note.js";
import { whenNear } from "./near.js";
import { insteadOf } from "./later.js";
import { answerOf, fooled, model, now, source, was, watch } from "./now.js";
import { num, rich, say, word } from "./say.js";

const BOXES = [[640, 92], [340, 92]], BAR = [34, 68], BEYOND = 1.35, ALONE = 4, DIGITS = 2, ROOM = 90, EDGE = 16; // drawings, heights, of what is shown, of what is proved, of a radius, for words, of a tick
const notes = $("[data-proved-note]"), proofs = new Map(); // of each photo and network
let running = null;

// Rounded down: no more is said than is proved.
function down(levels) {
  if (levels <= 0) return "0";
  const places = clamp(DIGITS - 1 - Math.floor(Math.log10(levels)), 0, 9), unit = 10 ** places;
  return num(Math.floor(levels * unit) / unit, places).replace(/([.,]\d*?)0+$/, "$1").replace(/[.,]$/, "");
}
// A size in words; in French less than two are one of few.
const size = (levels, said) => say(levels < 2 ? "lit_level_few" : "lit_level", { k: said });
const provedSize = (levels) => size(levels, down(levels)), shownSize = (levels) => size(levels, num(levels));

// The smallest change, by its largest value, that is known to be read as something else: { levels, label, how }.
function shownNow() {
  const { found } = now, ways = [];
  if (fooled()) {
    const label = answerOf(found.probabilities.changed), { norm } = found.request ?? {};
    if (label !== was()) ways.push({ levels: found.change.max, label, how: norm === "linf" ? word("prv_how_linf") : say("prv_how_found", { norm: word("norm_" + (norm ?? "l2")) }) });
    for (const { levels, label: read } of found.little ?? []) if (read !== null && read !== was()) ways.push({ levels, label: read, how: say("prv_how_little", { h: word("lit_h") }) });
  }
  return ways.sort((one, other) => one.levels - other.levels)[0] ?? null;
}

function axisChart([W, H], levels, shown, label) {
  const end = shown ? Math.max(BEYOND * shown.levels, BEYOND * levels) : Math.max(1, ALONE * levels), [top, bottom] = BAR;
  const axes = axesOf(W, H, [0, end], [0, 1], { left: 1, right: 1, top: 0, bottom: 0 }), { x } = axes, from = shown ? x(shown.levels) : x(end);
  const part = (name, x0, x1) => svg("rect", { class: name, x: x0, y: top, width: Math.max(0, x1 - x0), height: bottom - top });
  const edge = (at) => svg("line", { class: "edge", x1: at, x2: at, y1: top - 6, y2: bottom + 6 });
  const step = stepFor(end, 5), ticks = [], parts = [];
  for (let v = 0; v <= end; v += step) ticks.push(text(`tick ${v === 0 ? "" : x(v) > W - EDGE ? "end" : "mid"}`, x(v), bottom + 20, v === 0 ? "0" : num(v, placesFor(step))));
  if (from > x(levels)) parts.push(part("unknown", x(levels), from));
  if (from - x(levels) > ROOM) parts.push(text("label mid soft", (x(levels) + from) / 2, (top + bottom) / 2 + 5, word("prv_short_unknown")));
  if (shown) parts.push(part(`shown c${markOf(shown.label)}`, from, x(end)), edge(from), text("label", Math.min(from, W - 84), top - 12, say("prv_short_shown", { x: num(shown.levels) })));
  if (levels > 0) parts.push(part(`proved c${markOf(was())}`, x(0), x(levels)), edge(x(levels)), text("label", x(0), top - 12, say("prv_short_proved", { r: down(levels) })));
  return chart("axis-1", axes, label, ...parts, ...ticks);
}
function drawAxis(levels, shown) {
  const values = { r: provedSize(levels), a: nameOf(was()), x: shown && shownSize(shown.levels), c: shown && nameOf(shown.label) }, label = say(shown ? "prv_alt" : "prv_alt_none", values);
  $("[data-axis]").replaceChildren(...BOXES.map((box) => axisChart(box, levels, shown, label)));
}
function region(icon, key, values) {
  return make("li", {}, icon, make("span", {}, rich(key, values)));
}
const blank = () => make("i", { class: "blank", "aria-hidden": "true" });

function drawRegions(levels, ended, shown) {
  const a = nameOf(was()), rows = [levels > 0 ? region(markIcon(was()), "prv_proved", { r: provedSize(levels), a }) : region(blank(), ended ? "prv_nothing_yet" : "prv_nothing")];
  rows.push(region(blank(), shown ? "prv_unknown" : "prv_unknown_all"));
  if (shown) rows.push(region(markIcon(shown.label), "prv_shown", { x: shownSize(shown.levels), c: nameOf(shown.label), how: shown.how }));
  $("[data-regions]").replaceChildren(...rows);
}
function drawResult({ levels, ended, more }) {
  const shown = shownNow(), said = [];
  drawAxis(levels, shown);
  drawRegions(levels, ended, shown);
  if (shown && shown.levels <= levels) said.push(note("wrong", say("prv_wrong", { x: shownSize(shown.levels), r: provedSize(levels) })));
  if (ended) said.push(note("", word(ended === "late" ? "prv_late" : "prv_stopped"), { button: word("prv_again"), does: again }));
  notes.replaceChildren(...said);
  $("[data-proved-more]").hidden = false;
  $("[data-more-p]").textContent = word(levels > 0 || ended ? "prv_more" : "prv_instead");
  $("[data-prove]").textContent = more;
}
function again() {
  proofs.delete(keyNow());
  drawProved().catch(refuse);
}
function refuse(refusal) {
  if (!refusal.key) throw refusal;
  running = null;
  notes.replaceChildren();
  insteadOf("proved", wrongNote(refusal.key === "g_failed" ? { ...refusal, key: "prv_failed" } : refusal));
}
const keyNow = () => `${now.photo.photo} ${now.run}`;

function drawBusy(levels) {
  drawAxis(levels, shownNow());
  if (!notes.querySelector("[data-proving]")) {
    const box = busyNote("prv_busy"), button = make("button", { class: "quiet", type: "button", "data-proving": "" }, word("prv_stop"));
    button.addEventListener("click", () => running?.stop());
    box.append(button);
    notes.replaceChildren(box);
  }
  $("[data-regions]").replaceChildren();
  $("[data-proved-more]").hidden = true;
}
async function prove(key) {
  const mine = (running = { key, stop: () => {} }), isMine = () => running === mine;
  let found = null;
  drawBusy(0);
  const { stop } = await source.prove(now.photo.photo, now.run, (name, data) => {
    if (name === "found") proofs.set(key, (found = data));
    if (!isMine()) return;
    if (name === "place" && data.place > 0) notes.replaceChildren(busyNote("prv_wait", { n: data.place }));
    if (name === "begun") drawBusy(0);
    if (name === "so_far") drawBusy(data.levels);
    if (name !== "done" && name !== "failed") return;
    running = null;
    if (name === "failed" && data.key === "prv_none") proofs.set(key, { refusal: data });
    if (key !== keyNow()) return;
    if (proofs.has(key)) drawProved().catch(refuse);
    else refuse(data);
  });
  mine.stop = stop;
}
async function drawProved() {
  $("[data-proved-p]").textContent = say("prv_p", { size: `${model().size}\u00a0×\u00a0${model().size}` });
  if (!source.prove) return insteadOf("proved", note("", word("pack_proved"), { code: `pasunchat certify ${model().name} rex.jpg` }));
  const key = keyNow(), known = proofs.get(key);
  if (running && running.key !== key) leave();
  if (known?.refusal) return refuse({ ...known.refusal, fact: known.refusal.key === "prv_none" });
  insteadOf("proved");
  if (known) return drawResult(known);
  if (running) return undefined;
  return prove(key);
}
// Another photo, or another network: nobody waits for this one any more.
function leave() {
  running?.stop();
  running = null;
}
export function beginProved() {
  watch("photo", leave);
  whenNear("proved", "photo found little models", drawProved, refuse);
}
