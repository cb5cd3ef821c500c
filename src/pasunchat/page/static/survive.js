// Does it survive? A rung for each thing that happens to pictures.
import { $, make, onDo, svg } from "./dom.js";
import { markShape, nameOf, said } from "./marks.js";
import { insteadOf } from "./later.js";
import { whenNear } from "./near.js";
import { note } from "./note.js";
import { startFooling } from "./fool.js";
import { fooled, model, now, source, was } from "./now.js";
import { cnt, num, say, word } from "./say.js";

const PERCENT = ["resize", "crop", "brightness"];

// "jpeg:75" -> "JPEG, quality 75".
export function transformName(transform) {
  const [name, value] = transform.split(":");
  return word("sur_" + name) ? say("sur_" + name, { v: PERCENT.includes(name) ? num(100 * value) : value }) : transform;
}
function rung({ word: transform, p, survives }) {
  const b = nameOf(now.goal), place = svg("svg", { x: `${100 * p}%`, overflow: "visible" }, markShape(survives ? now.goal : was(), 0, 11, 10, "dot"));
  const drawing = svg("svg", { class: "rung", height: 22, "aria-hidden": "true" }, svg("line", { class: "rail", x1: 0, x2: "100%", y1: 11, y2: 11 }), svg("line", { class: "mid", x1: "50%", x2: "50%", y1: 3, y2: 19 }), place);
  const words = make("span", { class: "said" }, `${survives ? "✓" : "✗"} ${survives ? say("sur_ok", { b }) : model().classes.length === 2 ? say("sur_again", { a: nameOf(was()) }) : say("sur_no", { b })} `, make("span", { class: "soft" }, said(now.goal, p, true)));
  return make("li", { class: survives ? "ok" : "no" }, make("span", { class: "what" }, transformName(transform)), drawing, words);
}
function drawSurvive() {
  if (!fooled()) return;
  insteadOf("survive", now.found.survival === null ? note("", word("pack_survive")) : null);
  const rungs = now.found.survival ?? [], k = rungs.filter((one) => one.survives).length;
  $("[data-survive-p]").textContent = rungs.length ? say("sur_p", { k: cnt(k), n: cnt(rungs.length) }) : word("sur_p_wait");
  $("[data-rungs]").replaceChildren(...rungs.map(rung));
  $('[data-do="survive"]').hidden = Boolean(now.found.request?.survive) || source.offers?.survive === false;
}
export function beginSurvive() {
  whenNear("survive", "found survival", drawSurvive);
  onDo("survive", () => startFooling({ survive: true }));
}
