// What was added: photo + noise = picture; a loupe over the three; the noise at any strength; how far values moved.
import { bar } from "./bars.js";
import { $, $$, make } from "./dom.js";
import { markIcon, nameOf, said } from "./marks.js";
import { whenNear } from "./near.js";
import { address, answerOf, fooled, isChelsea, now, was, watch } from "./now.js";
import { pixelsAt } from "./pixels.js";
import { pointing } from "./pointing.js";
import { cnt, num, pc, say, sign, word } from "./say.js";

const LENS = 9, MOST_LEVELS = 4, USUAL_GAIN = 28;
const lens = { x: 96, y: 104, gain: USUAL_GAIN };
let both = null; // pixels of photo and changed picture

const gainOf = () => (lens.gain / USUAL_GAIN) * (127 / Math.max(1, now.found.change.max));

function drawWords() {
  if (!fooled()) return;
  const { change, probabilities } = now.found, before = now.photo.probabilities, after = probabilities.changed, index = answerOf(after);
  $('[data-eq="photo"]').replaceChildren(markIcon(was()), `${nameOf(was())}, ${pc(before[was()])}`);
  $('[data-eq="noise"]').textContent = say("eq_noise", { factor: num(change.max / 255, 3) });
  $('[data-eq="changed"]').replaceChildren(markIcon(index), `${nameOf(index)}, ${pc(after[index])}`);
  $('[data-spy="photo"]').setAttribute("aria-label", say("alt_photo_own", { a: said(was(), before[was()]) }));
  $('[data-spy="changed"]').setAttribute("aria-label", say("alt_changed_own", { b: said(index, after[index]) }));
  drawLevels(change);
}
function drawLevels({ counts, max, total }) {
  $("[data-hist-cap]").textContent = say("eq_hist", { total: cnt(total) });
  const rows = counts.slice(0, MOST_LEVELS).map((count, k) => [k === 0 ? word("eq_lv0") : k === 1 ? word("eq_lv1") : say("eq_lv", { k }), count]);
  const rest = counts.slice(MOST_LEVELS).reduce((sum, count) => sum + count, 0), most = Math.max(...counts);
  if (counts.length > MOST_LEVELS) rows.push([counts.length === MOST_LEVELS + 1 ? say("eq_lv", { k: MOST_LEVELS }) : say("eq_lvmore", { k: MOST_LEVELS, max }), rest]);
  $("[data-hist]").replaceChildren(...rows.map(([name, count]) => make("div", { class: "row" }, make("dt", {}, name), make("dd", { class: "b" }, bar("ink", Math.max(count / most, count ? 0.003 : 0))), make("dd", { class: "v" }, cnt(count)))));
}
// The pixel of the photo that was changed most.
function largestChange() {
  const [photo, changed] = both;
  const [x0, y0, x1, y1] = now.photo.seen.box;
  let best = { x: x0, y: y0 }, most = -1;
  for (let y = y0 + 1; y < y1 - 1; y++) for (let x = x0 + 1; x < x1 - 1; x++) {
    const i = 4 * (y * photo.width + x), moved = Math.abs(changed.data[i] - photo.data[i]) + Math.abs(changed.data[i + 1] - photo.data[i + 1]) + Math.abs(changed.data[i + 2] - photo.data[i + 2]);
    if (moved > most) [best, most] = [{ x, y }, moved];
  }
  return best;
}
function drawLoupe() {
  if (!both) return;
  const [photo, changed] = both, { width, height } = photo, tiles = $$(".lens").map((canvas) => canvas.getContext("2d").createImageData(LENS, LENS)), half = LENS >> 1, gain = gainOf();
  lens.x = Math.min(lens.x, width - 1);
  lens.y = Math.min(lens.y, height - 1);
  for (let j = 0; j < LENS; j++) for (let i = 0; i < LENS; i++) {
    const y = Math.min(height - 1, Math.max(0, lens.y + j - half)), x = Math.min(width - 1, Math.max(0, lens.x + i - half));
    for (let c = 0; c < 3; c++) {
      const a = photo.data[4 * (y * width + x) + c], b = changed.data[4 * (y * width + x) + c], at = 4 * (j * LENS + i) + c;
      tiles[0].data[at] = a;
      tiles[1].data[at] = 128 + (b - a) * gain;
      tiles[2].data[at] = b;
    }
    for (const tile of tiles) tile.data[4 * (j * LENS + i) + 3] = 255;
  }
  $$(".lens").forEach((canvas, i) => canvas.getContext("2d").putImageData(tiles[i], 0, 0));
  $("[data-at]").textContent = say("lp_at", { x: lens.x, y: lens.y });
  $$(".px tbody tr").forEach((row, c) => {
    const at = 4 * (lens.y * width + lens.x) + c, d = changed.data[at] - photo.data[at];
    [photo.data[at], d ? sign(d) : "0", changed.data[at]].forEach((v, i) => (row.cells[i + 1].textContent = v));
  });
  for (const cross of $$(".spy .cross")) {
    cross.style.left = `${(100 * (lens.x + 0.5)) / width}%`;
    cross.style.top = `${(100 * (lens.y + 0.5)) / height}%`;
  }
}
function drawNoise() {
  if (!both) return;
  const [photo, changed] = both, canvas = $(".noise"), gain = gainOf();
  canvas.width = photo.width;
  canvas.height = photo.height;
  const pen = canvas.getContext("2d"), out = pen.createImageData(photo.width, photo.height);
  for (let i = 0; i < out.data.length; i++) out.data[i] = i % 4 === 3 ? 255 : 128 + (changed.data[i] - photo.data[i]) * gain;
  pen.putImageData(out, 0, 0);
}
async function drawAdded(isFresh) {
  both = null;
  if (!fooled()) return;
  const found = await Promise.all([pixelsAt(address("photo")), pixelsAt(address("changed"))]);
  if (!isFresh()) return;
  both = found;
  if (!isChelsea()) Object.assign(lens, largestChange());
  for (const name of ["photo", "changed"]) {
    const image = $(`[data-spy="${name}"] img`);
    image.src = address(name);
    image.hidden = false;
  }
  drawNoise();
  drawLoupe();
}
export function beginAdded() {
  watch("found", drawWords);
  drawWords();
  whenNear("added", "found", drawAdded);
  for (const box of $$(".spy")) pointing(box, () => [both?.[0].height ?? 1, both?.[0].width ?? 1], () => lens, (x, y) => { if (both) { Object.assign(lens, { x, y }); drawLoupe(); } });
  $('[data-do="gain"]').addEventListener("input", (e) => {
    lens.gain = Number(e.target.value);
    $("[data-gain]").textContent = lens.gain;
    $("[data-gain-out]").textContent = "× " + lens.gain;
    drawNoise();
    drawLoupe();
  });
}
