// The last sum, drawn where it comes from: each class by its mark, area by size.
import { $, $$, make } from "./dom.js";
import { bold, markIcon, markOf, nameOf } from "./marks.js";
import { note } from "./note.js";
import { whenNear } from "./near.js";
import { fooled, model, now, runnerUp, source, tell, was, watch } from "./now.js";
import { pixelsAt, themeInks } from "./pixels.js";
import { hasRooms, pictureId, refusedRoom } from "./rooms.js";
import { insteadOf } from "./later.js";
import { cnt, rich, say, sign, word } from "./say.js";

const canvas = $("[data-votes]"), FILL = 0.62, FAINT = 0.42;
let votesOf = "photo";

// The two that are weighed: the photo's answer, and the goal.
const pairNow = () => ({ other: was(), target: now.goal === was() ? runnerUp(now.photo.probabilities) : now.goal });

function shape(pen, mark, x, y, r) {
  pen.beginPath();
  if (mark === 1) pen.arc(x, y, r, 0, 7);
  else if (mark === 3) { pen.moveTo(x, y - r); pen.lineTo(x + r, y + r * 0.8); pen.lineTo(x - r, y + r * 0.8); pen.closePath(); }
  else if (mark === 4) { pen.moveTo(x, y - r); pen.lineTo(x + r, y); pen.lineTo(x, y + r); pen.lineTo(x - r, y); pen.closePath(); }
  else pen.rect(x - r * 0.89, y - r * 0.89, r * 1.78, r * 1.78);
  pen.fill();
  pen.stroke();
}
async function paintVotes(url, { side: [h, w], votes }, most, target, other, isFresh) {
  const seen = await pixelsAt(url);
  if (!isFresh()) return;
  const pen = canvas.getContext("2d"), { classes } = themeInks(), cell = canvas.width / w, high = canvas.height / h, image = await createImageBitmap(seen);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.filter = "grayscale(1)";
  pen.globalAlpha = FAINT;
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  pen.filter = "none";
  pen.globalAlpha = 1;
  pen.strokeStyle = "#fffb";
  votes.flat().forEach((v, i) => {
    const r = Math.sqrt(Math.abs(v) / most) * Math.min(cell, high) * FILL, mark = markOf(v < 0 ? other : target);
    if (r < 1) return;
    pen.fillStyle = classes[mark - 1];
    shape(pen, mark, ((i % w) + 0.5) * cell, (Math.floor(i / w) + 0.5) * high, r);
  });
}
async function drawVotes(isFresh) {
  if (!hasRooms("last")) return;
  if (!model().votes) return insteadOf("last", note("", word("g_sum")));
  const { other, target } = pairNow(), { run } = now, of = (which) => source.votes(pictureId(which), run, target, other);
  const [it, first] = await Promise.all([of(votesOf), of("photo")]);
  if (!isFresh()) return undefined;
  if (!it) return insteadOf("last", note("", word("g_sum")));
  const [h, w] = it.side, last = model().layers.filter((one) => one.kind !== "dense").at(-1), maps = last?.outputs ?? 0, inputs = model().layers.at(-1)?.inputs ?? 0, flat = inputs === h * w * maps;
  $("[data-votes-p]").replaceChildren(say(flat ? "dec_p" : "dec_p_mean", { h, w, maps: cnt(maps), n: cnt(h * w * maps) }), " ", rich("dec_marks", { ma: markIcon(other), mb: markIcon(target), a: nameOf(other), b: nameOf(target) }));
  canvas.setAttribute("aria-label", say("dec_alt", { a: nameOf(other), b: nameOf(target) }));
  const shown = [other, target].sort((a, b) => a - b);
  $("[data-totals]").replaceChildren(...shown.map((i) => { const total = bold(i, sign(it.totals[i], 2)); return make("span", {}, markIcon(i), nameOf(i), " ", total); }));
  $("[data-mirror]").hidden = !it.mirror;
  await paintVotes(source.url(pictureId(votesOf), run, "seen"), it, Math.max(...first.votes.flat().map(Math.abs)), target, other, isFresh);
  return undefined;
}
export function beginVotes() {
  whenNear("last", "photo found models votes theme", drawVotes, refusedRoom("last"));
  watch("found", () => {
    for (const choice of $$("input[name=votes]")) choice.disabled = choice.value !== "photo" && !fooled();
    if (!fooled()) chooseVotes("photo");
  });
  for (const choice of $$("input[name=votes]")) choice.addEventListener("change", () => { chooseVotes(choice.value); tell("votes"); });
}
function chooseVotes(which) {
  votesOf = which;
  $(`input[name=votes][value=${which}]`).checked = true;
}
