// Would any noise do? The noise found, random noise of the same size, 32 times as much of it.
import { $, make } from "./dom.js";
import { bold, markIcon, nameOf } from "./marks.js";
import { busyNote } from "./note.js";
import { whenNear } from "./near.js";
import { address, answerOf, fooled, now, was, watch } from "./now.js";
import { pixelsAt } from "./pixels.js";
import { pc, say, word } from "./say.js";

const GAIN = 84, USUAL_MAX = 9; // drawn so much stronger where the change is at most 9 levels, less where it is more
const gain = () => Math.max(1, Math.round(GAIN * Math.min(1, USUAL_MAX / Math.max(1, now.found.change.max))));

function drawText() {
  if (!fooled() || !now.found.control) return;
  const { labels, labels32 } = now.found.control, a = nameOf(was()), k = labels.filter((i) => i === was()).length, k32 = labels32.filter((i) => i === was()).length, n = labels.length, n32 = labels32.length;
  $("[data-control-p]").textContent = k === n && k32 === n32 ? say("ctl_p", { n, a }) : say("ctl_p_some", { n, a, k, k32, n32 });
}

async function strengthened(photo, url, isFresh) {
  const noisy = await pixelsAt(url), canvas = make("canvas", { width: photo.width, height: photo.height, role: "img" });
  if (!isFresh()) return canvas;
  const pen = canvas.getContext("2d"), out = pen.createImageData(photo.width, photo.height), g = gain();
  for (let i = 0; i < out.data.length; i++) out.data[i] = i % 4 === 3 ? 255 : 128 + (noisy.data[i] - photo.data[i]) * g;
  pen.putImageData(out, 0, 0);
  return canvas;
}
// The answer that came most often, its mean share, and in how many draws.
function commonest(labels, shares) {
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const index = [...counts].sort((a, b) => b[1] - a[1])[0][0];
  return { index, more: say("ctl_of", { k: counts.get(index), n: labels.length }), p: index === now.goal ? shares[0] : shares.length && now.photo.probabilities.length === 2 ? 1 - shares[0] : null };
}
async function drawControl(isFresh) {
  if (!fooled()) return;
  const box = $("[data-control]");
  if (!now.found.control) return box.replaceChildren(busyNote("wait"));
  const photo = await pixelsAt(address("photo")), [found, random] = await Promise.all([strengthened(photo, address("changed"), isFresh), strengthened(photo, address("random"), isFresh)]);
  if (!isFresh()) return;
  const { draws, labels, times32, labels32 } = now.found.control, after = now.found.probabilities.changed, index = answerOf(after), g = gain();
  const large = make("img", { src: address("random32"), width: photo.width, height: photo.height, alt: word("ctl_alt3"), loading: "lazy" });
  found.setAttribute("aria-label", word("ctl_alt1"));
  random.setAttribute("aria-label", word("ctl_alt2"));
  const answer = (i, p, more = "") => {
    const text = bold(i, "");
    text.append(markIcon(i), p === null ? nameOf(i) : `${nameOf(i)}, ${pc(p)}`);
    return [text, more ? ` ${more}` : ""];
  };
  const one = commonest(labels, draws), many = commonest(labels32, times32);
  const column = (picture, caption, said) => make("div", {}, picture, make("p", { class: "cap" }, caption, make("br"), ...said));
  box.replaceChildren(
    column(found, say("ctl_found", { g }), answer(index, after[index])),
    column(random, say("ctl_same", { g }), answer(one.index, one.p, one.more)),
    column(large, word("ctl_32"), answer(many.index, many.p, many.more)),
  );
}
export function beginControl() {
  watch("found control", drawText);
  drawText();
  whenNear("random", "found control", drawControl, () => $("[data-control]").replaceChildren());
}
