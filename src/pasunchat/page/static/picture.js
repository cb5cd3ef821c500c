// The picture: wipe, show, blink; tags and bars beside it. "both" is judged as the changed one.
import { drawBars, rowsOf } from "./bars.js";
import { $, $$, isStill } from "./dom.js";
import { markOf, said, tagged } from "./marks.js";
import { address, answerOf, fooled, isChelsea, isShown, now, was, watch } from "./now.js";
import { frameAt } from "./pixels.js";
import { say } from "./say.js";

const subject = $(".subject"), pic = $(".pic"), wipe = $(".wipe"), under = $(".under"), over = $(".over"), thumb = $(".thumb img");
const letting = $(".letting"), list = $("[data-answer]"), SWING = 1600, BLINK = 420; // ms; under three a second
let setBars = () => {};

export const setWipe = (v) => { wipe.value = v; pic.style.setProperty("--wipe", v + "%"); };

// What the network says of the picture that is shown.
export function showAnswer(probabilities, index = answerOf(probabilities)) {
  const tag = $(".tag.right");
  $(".mk", tag).className = "mk c" + markOf(index);
  $("[data-said]", tag).replaceChildren(...tagged(index, probabilities[index]));
  setBars(probabilities);
}
// which: "photo", "both" or "changed".
export function showPicture(which) {
  subject.dataset.show = which;
  $(`input[name=show][value=${which}]`).checked = true;
  letting.hidden = true;
  thumb.src = which === "photo" || !fooled() ? under.src : over.src;
  if (fooled()) showAnswer(which === "photo" ? now.photo.probabilities : now.found.probabilities.changed);
}
// One frame of the change let in: pixels of the photo and of the changed picture.
export function showFrame(photo, changed, step, steps) {
  subject.dataset.show = "changed";
  $("input[name=show][value=changed]").checked = true;
  letting.hidden = step === steps;
  if (step === steps) return;
  letting.width = photo.width;
  letting.height = photo.height;
  letting.getContext("2d").putImageData(frameAt(photo, changed, step, steps), 0, 0);
}
export const shownNow = () => subject.dataset.show;

function drawSubject() {
  const { probabilities } = now.photo, answer = was(), own = !isChelsea(), has = fooled();
  under.src = address("photo");
  under.alt = say(own ? "alt_photo_own" : "alt_photo", { a: said(answer, probabilities[answer]) });
  const after = has ? now.found.probabilities.changed : probabilities;
  over.hidden = !has;
  if (has) {
    over.src = address("changed");
    over.alt = say(own ? "alt_changed_own" : "alt_changed", { b: said(answerOf(after), after[answerOf(after)]) });
  }
  const tag = $(".tag.left");
  $(".mk", tag).className = "mk c" + markOf(answer);
  $("[data-said]", tag).replaceChildren(...tagged(answer, probabilities[answer]));
  setBars = drawBars(list, rowsOf(probabilities, after), after, has ? probabilities : null);
  subject.classList.toggle("alone", !has);
  showPicture(has ? "both" : "photo");
  for (const choice of $$("input[name=show]")) choice.disabled = !has;
}

let blinking = 0;
export function blink(start) {
  if (start && !fooled()) return;
  clearInterval(blinking);
  blinking = 0;
  subject.classList.toggle("blinking", start);
  over.classList.remove("on");
  if (start && !isStill()) blinking = setInterval(() => over.classList.toggle("on"), BLINK);
}

// Once, at the beginning: the line swings a little to the right and back, so that one sees it can be moved.
function swing() {
  let begun = 0, held = false;
  for (const name of ["pointerdown", "keydown", "input"]) wipe.addEventListener(name, () => (held = true), { once: true });
  const step = (time) => {
    begun ||= time;
    const t = Math.min(1, Math.max(0, (time - begun - 600) / SWING));
    if (held || shownNow() !== "both") return;
    setWipe(50 + 16 * Math.sin(Math.PI * t) ** 2);
    if (t < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

export function beginPicture() {
  wipe.addEventListener("input", () => setWipe(wipe.value));
  const blinker = $('[data-do="blink"]');
  blinker.addEventListener("pointerdown", () => blink(true));
  blinker.addEventListener("keydown", (e) => { if (e.key === " " || e.key === "Enter") blink(true); });
  for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) blinker.addEventListener(name, () => blink(false));
  watch("found", drawSubject);
  const { photo, changed } = now.found.probabilities;
  setBars = drawBars(list, rowsOf(photo, changed), changed, photo);
  if (!isStill() && !scrollY && isShown()) swing();
}
