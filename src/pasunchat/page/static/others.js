// Are other networks fooled too? Pictures made for each, asked of all.
import { $, make } from "./dom.js";
import { bold, markIcon, nameOf } from "./marks.js";
import { busyNote, note, wrongNote } from "./note.js";
import { insteadOf } from "./later.js";
import { whenNear } from "./near.js";
import { fooled, model, now, source } from "./now.js";
import { className, pc, say, word } from "./say.js";

function cell({ label, p }, own) {
  if (label === null || label === undefined) return make("td", {}, "–");
  const index = typeof label === "number" ? label : model().classes.indexOf(label), known = index >= 0;
  const text = known ? bold(index, "") : make("b");
  text.append(...(known ? [markIcon(index), nameOf(index)] : [className(label)]), ` ${pc(p, true)}`);
  return make("td", { class: own ? "own" : null }, text);
}
function drawMatrix({ models, rows }) {
  const head = make("tr", {}, make("td", {}, make("span", { class: "soft" }, `${word("mod_row")} ↓ · ${word("mod_col")} →`)), ...models.map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.made_for ?? word("mod_none")), ...row.answers.map((answer, i) => cell(answer, row.made_for === models[i]))));
  $("[data-matrix]").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
  $("[data-others-p]").textContent = sentences(models, rows).join(" ");
  const sizes = new Set(now.models.filter((m) => models.includes(m.name)).map((m) => m.size));
  $("[data-others-note]").textContent = sizes.size > 1 ? word("mod_note") : "";
}
// Only what the rows show: who else falls for this picture, and whether each has its own.
function sentences(models, rows) {
  const goal = now.goal, is = (answer) => answer && (answer.label === goal || answer.label === model().classes[goal]), here = rows.find((row) => row.made_for === model().name), said = [];
  if (here) {
    const others = here.answers.filter((_, i) => models[i] !== model().name), k = others.filter(is).length;
    said.push(k ? say("mod_p_some", { k, n: others.length, b: nameOf(goal) }) : word("mod_p_none"));
  }
  const own = rows.filter((row) => row.made_for && is(row.answers[models.indexOf(row.made_for)])).length;
  if (own === models.length && models.length > 1) said.push(word("mod_p_own"));
  return said;
}
async function drawOthers(isFresh) {
  if (!fooled()) return;
  const { found, attack } = now;
  if (found.others === undefined) {
    insteadOf("others", busyNote("mod_p_wait"));
    found.others = await source.others(attack);
    if (!isFresh()) return;
  }
  if (!found.others || found.others.models.length < 2) return insteadOf("others", note("", word("mod_alone"), { code: "pasunchat page simple tiny" }));
  insteadOf("others");
  drawMatrix(found.others);
  return undefined;
}
export function beginOthers() {
  whenNear("others", "found others", drawOthers, (refusal) => insteadOf("others", wrongNote(refusal)));
}
