// How little is enough? At most so many levels; and the talk's own bargain.
import { drawBars } from "./bars.js";
import { $, make } from "./dom.js";
import { nameOf, said } from "./marks.js";
import { busyNote, wrongNote } from "./note.js";
import { insteadOf } from "./later.js";
import { whenNear } from "./near.js";
import { fooled, model, now, source, tell } from "./now.js";
import { num, pc, say, word } from "./say.js";

const TALKS_PRICE = 0.1, slider = $('[data-do="levels"]');
let steps = []; // [{ levels, p, label }], the photo itself first

function drawLevel() {
  const { levels, p, label } = steps[slider.value], b = nameOf(now.goal), reached = label === now.goal;
  $("[data-levels]").textContent = say(levels === 1 ? "lit_level_1" : "lit_level", { k: levels });
  slider.setAttribute("aria-valuetext", $("[data-levels]").textContent);
  const shares = Object.assign(Array(model().classes.length).fill(0), { [now.goal]: p });
  drawBars($("[data-little-bar]"), [now.goal], shares, null, false);
  for (const rest of $("[data-little-bar]").querySelectorAll(".rest")) rest.remove();
  const words = levels === 0 ? word("lit_0") : reached ? say(levels === 1 ? "lit_1_yes" : "lit_yes", { k: levels, b }) : say(levels === 1 ? "lit_1_no" : "lit_no", { k: levels, c: said(now.goal, p) });
  $("[data-little-say]").textContent = reached && p > 0.999 ? `${words} ${word("lit_sure")}` : reached || levels === 0 ? words : `${words} ${word("lit_low")}`;
}
function drawPrices(prices) {
  $("[data-price-part]").hidden = !prices?.length;
  if (!prices?.length) return;
  const cell = (tag, row, value) => make(tag, { class: row.price === TALKS_PRICE ? "here" : null, scope: tag === "th" ? "col" : null }, value);
  const line = (head, of) => make("tr", {}, make("th", { scope: "row" }, head), ...prices.map((row) => cell("td", row, of(row))));
  const short = (v) => num(v, v >= 1 ? 0 : v >= 0.1 ? 1 : v >= 0.01 ? 2 : 3);
  $("[data-price]").replaceChildren(
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, word("lit_price")), ...prices.map((row) => cell("th", row, short(row.price))))),
    make("tbody", {}, line(nameOf(now.goal), (row) => pc(row.p, true)), line(word("lit_size"), (row) => num(row.typical, 2)), line(word("lit_max"), (row) => num(row.max))),
  );
}
async function drawLittle(isFresh) {
  if (!fooled()) return;
  const { found, attack } = now;
  $("[data-little-p]").textContent = say("lit_p", { b: nameOf(now.goal) });
  $("[data-measure]").textContent = `pasunchat attack ${model().name} --data photos/ --limit 100`;
  if (found.little === undefined) {
    insteadOf("little", busyNote("wait"));
    found.little = await source.little(attack);
    if (found === now.found) tell("little");
    if (!isFresh()) return;
  }
  insteadOf("little");
  const first = found.little[0]?.levels === 0 ? [] : [{ levels: 0, p: now.photo.probabilities[now.goal], label: null }];
  steps = [...first, ...found.little];
  slider.max = steps.length - 1;
  slider.value = Math.min(1, steps.length - 1);
  drawLevel();
  if (found.price === undefined) {
    $("[data-price-part]").hidden = true;
    found.price = await source.price(attack);
    if (!isFresh()) return;
  }
  drawPrices(found.price);
}
export function beginLittle() {
  whenNear("little", "found", drawLittle, (refusal) => insteadOf("little", wrongNote(refusal)));
  slider.addEventListener("input", drawLevel);
}
