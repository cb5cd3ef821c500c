// Softmax to drag: the totals of the two largest classes and of the goal.
import { drawBars } from "./bars.js";
import { $, make, onDo } from "./dom.js";
import { markIcon, markOf, nameOf } from "./marks.js";
import { model, now, was, watch } from "./now.js";
import { cnt, pc, say, sign } from "./say.js";

const MOST = 3, list = $("[data-sliders]"), formula = $("[data-formula]");
let totals = [], shown = [], setShares = () => {};

function softmax(logits) {
  const top = Math.max(...logits), powers = logits.map((z) => Math.exp(z - top)), sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
const power = (index) => make("span", { class: `e c${markOf(index)}` }, "e", make("sup", {}, sign(totals[index], 2)));

function drawFormula() {
  const shares = softmax(totals), { goal } = now, bottom = make("span", {}, ...shown.flatMap((i, k) => (k ? [" + ", power(i)] : [power(i)])), ...(totals.length > shown.length ? [" + …"] : []));
  formula.replaceChildren(make("span", { class: "frac" }, make("span", {}, power(goal)), bottom), make("span", {}, "="), make("b", { class: `c${markOf(goal)}` }, pc(shares[goal])));
  setShares(shares);
}
function drawSliders() {
  totals = [...now.photo.logits];
  const order = totals.map((_, i) => i).sort((a, b) => totals[b] - totals[a]);
  shown = [...new Set([was(), now.goal, ...order])].slice(0, Math.min(MOST, totals.length)).sort((a, b) => a - b);
  const reach = Math.max(5, Math.ceil(1.3 * Math.max(...shown.map((i) => Math.abs(totals[i])))));
  list.replaceChildren(...shown.map((index) => {
    const input = make("input", { type: "range", min: -reach, max: reach, step: 0.01, value: totals[index], "data-do": "logit" }), output = make("output", {}, sign(totals[index], 2));
    input.value = totals[index];
    input.addEventListener("input", () => {
      totals[index] = Number(input.value);
      output.textContent = sign(totals[index], 2);
      drawFormula();
    });
    return make("label", { class: `c${markOf(index)}` }, markIcon(index), make("span", {}, say("soft_of", { c: nameOf(index) })), input, output);
  }));
  const rest = totals.length - shown.length, more = $("[data-soft-more]");
  more.hidden = rest === 0;
  more.textContent = rest ? say("soft_more", { n: cnt(rest) }) : "";
  setShares = drawBars($("[data-shares]"), shown, softmax(totals), null, false);
  if (model().classes.length > shown.length) $("[data-shares] .rest dt").textContent = say("others_n", { n: cnt(rest) });
  drawFormula();
}
export function beginSoftmax() {
  watch("photo found aim", drawSliders);
  onDo("soft-reset", drawSliders);
  drawSliders();
}
