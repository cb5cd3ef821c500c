// Squares on the photo: what a unit sees. They stay a while after the pointer has gone.
import { $$ } from "./dom.js";
import { now } from "./now.js";

const STAYS = 2500;
let unsee = 0;

export const seenSize = () => now.photo.seen.size;

function seeOn(canvas, x0, y0, size) {
  const pen = canvas.getContext("2d"), f = canvas.width / seenSize();
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (size === undefined) return;
  pen.fillStyle = "#0007";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.clearRect(x0 * f, y0 * f, size * f, size * f);
  pen.lineWidth = 2;
  pen.strokeStyle = "#fff";
  pen.strokeRect(x0 * f - 1, y0 * f - 1, size * f + 2, size * f + 2);
}
// The square of `size` pixels from (x0, y0) of the picture; nothing: none.
export function see(x0, y0, size) {
  for (const canvas of $$(".rf")) seeOn(canvas, x0, y0, size);
}
export function seeAWhile(x0, y0, size) {
  clearTimeout(unsee);
  see(x0, y0, size);
  unsee = setTimeout(() => see(), STAYS);
}
