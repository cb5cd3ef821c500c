// It is all numbers: thirty-six pixels of the photo.
import { $, clamp, make } from "./dom.js";
import { whenNear } from "./near.js";
import { address, fooled, isChelsea, isShown, now, watch } from "./now.js";
import { pixelsAt } from "./pixels.js";
import { withArrows } from "./pointing.js";
import { cnt, say, word } from "./say.js";
import { seeAWhile, seenSize } from "./squares.js";

const SIDE = 6, EYE = { x: 81, y: 78 }, patch = { ...EYE }, box = $("[data-pixels]");
let seen = null, patchOf = null;

// Letters that can be read on a colour: at a relative luminance of 0.179 black and white are alike.
export const inkOn = (...rgb) => (luminance(...rgb) > 0.179 ? "#000" : "#fff");
const luminance = (...rgb) => rgb.reduce((sum, v, i) => sum + [0.2126, 0.7152, 0.0722][i] * (v <= 10 ? v / 3295 : ((v / 255 + 0.055) / 1.055) ** 2.4), 0);

function drawPatch() {
  if (!seen) return;
  box.replaceChildren(...Array.from({ length: SIDE * SIDE }, (_, i) => {
    const y = patch.y + Math.floor(i / SIDE), x = patch.x + (i % SIDE), at = 4 * (y * seen.width + x), rgb = [...seen.data.slice(at, at + 3)], cell = make("div", {}, ...rgb.map((v) => make("span", {}, String(v))));
    cell.style.background = `rgb(${rgb})`;
    cell.style.color = inkOn(...rgb);
    return cell;
  }));
  const last = SIDE - 1;
  $("[data-pixels-at]").textContent = say("num_cap", { y0: patch.y, y1: patch.y + last, x0: patch.x, x1: patch.x + last });
}
function movePatch(x, y) {
  const most = seenSize() - SIDE;
  Object.assign(patch, { x: clamp(x, 0, most), y: clamp(y, 0, most) });
  drawPatch();
  seeAWhile(patch.x, patch.y, SIDE);
}
function drawNumbersText() {
  const s = seenSize();
  $("[data-numbers-p]").textContent = say("num_p", { w: s, h: s, n: cnt(3 * s * s) });
  $("[data-ch3]").textContent = word(isShown() || (fooled() && now.found.fooled) ? "ch3_p" : "ch3_p_own");
  const [x0, y0, x1, y1] = now.photo.seen.box, at = isChelsea() ? EYE : { x: Math.round((x0 + x1 - SIDE) / 2), y: Math.round((y0 + y1 - SIDE) / 2) };
  if (patchOf !== now.photo) Object.assign(patch, { x: clamp(at.x, 0, s - SIDE), y: clamp(at.y, 0, s - SIDE) });
  patchOf = now.photo;
}
export function beginNumbers() {
  watch("photo found", drawNumbersText);
  drawNumbersText();
  whenNear("numbers", "photo", async (isFresh) => {
    const found = await pixelsAt(address("photo"));
    if (!isFresh()) return;
    seen = found;
    drawPatch();
  });
  for (const picture of [$(".pic"), $(".thumb")]) picture.addEventListener("pointermove", (e) => {
    const at = $("#numbers").getBoundingClientRect();
    if (!seen || at.top > innerHeight || at.bottom < 0 || at.height === 0) return;
    const r = picture.getBoundingClientRect(), s = seenSize(), half = SIDE / 2;
    movePatch(Math.floor(((e.clientX - r.left) / r.width) * s) - half, Math.floor(((e.clientY - r.top) / r.height) * s) - half);
  });
  withArrows(box, (dx, dy) => movePatch(patch.x + dx, patch.y + dy));
}
