// As what, how sure, how measured: the options of a search.
import { $, $$, make } from "./dom.js";
import { nameOf } from "./marks.js";
import { model, now, source, tell, watch } from "./now.js";
import { pc, say, word } from "./say.js";

const SURE = [0.95, 0.6, 0], NORMS = ["l2", "linf", "l1", "l0", "pixels"], EFFORTS = ["quick", "normal", "thorough"], USUAL_EFFORT = "normal";
const ATTACKS = [["", "attack_best"], ["learned-noise", "attack_talk"]], BLIND = [["", "attack_hop"]], FIRST = 10;

const field = (name) => $(`[data-option="${name}"]`);
const choose = (name, choices, chosen) => field(name).replaceChildren(...choices.map(([value, text]) => make("option", { value, selected: String(value) === String(chosen) }, text)));

export const confidence = () => Number(field("confidence").value);
export const setConfidence = (p) => (field("confidence").value = p);
export const setEffort = (effort) => (field("effort").value = effort);
export const effort = () => field("effort").value;

// What is asked of the source.
export function requestNow({ survive = false } = {}) {
  const seed = Number.parseInt(field("seed").value, 10);
  return { photo: now.photo.photo, run: now.run, target: now.goal, confidence: confidence(), norm: field("norm").value, attack: field("attack").value || null, effort: effort(), seed: Number.isInteger(seed) && seed >= 0 ? seed : 0, survive };
}

// The classes to be taken for; of many, the most likely first.
function drawTargets() {
  const { classes } = model(), { probabilities } = now.photo, many = classes.length > 2;
  const order = classes.map((_, i) => i).sort((a, b) => probabilities[b] - probabilities[a]);
  const option = (i) => make("option", { value: i, selected: i === now.goal }, nameOf(i));
  for (const select of $$('[data-option="target"]')) {
    if (classes.length <= FIRST) select.replaceChildren(...classes.map((_, i) => option(i)));
    else select.replaceChildren(...order.slice(0, FIRST).map(option), make("hr"), ...order.slice(FIRST).sort((a, b) => nameOf(a).localeCompare(nameOf(b))).map(option));
  }
  $("[data-target]").hidden = !many;
  $("[data-target-two]").hidden = many;
}
function drawOptions() {
  const { request } = now.found ?? {}, blind = !model().gradient, { norms = NORMS, attacks = blind ? BLIND : ATTACKS } = source.offers ?? {};
  choose("confidence", SURE.map((p) => [p, p ? say("conf_least", { p: pc(p) }) : word("conf_any")]), request?.confidence ?? SURE[0]);
  choose("norm", norms.map((norm) => [norm, word("norm_" + norm)]), request?.norm ?? norms[0]);
  choose("attack", attacks.map(([value, key]) => [value, word(key)]), request?.attack ?? "");
  choose("effort", EFFORTS.map((one) => [one, word("effort_" + one)]), request?.effort ?? USUAL_EFFORT);
}
export function drawAim() {
  const sure = confidence(), b = nameOf(now.goal);
  $("[data-fool-p]").textContent = say(model().gradient ? (sure ? "fool_p" : "fool_p_any") : "fool_p_blind", { b, sure: sure ? pc(sure) : "" });
}
export function beginOptions() {
  watch("photo found models", drawTargets);
  watch("photo models", drawOptions);
  watch("photo found models aim", drawAim);
  document.addEventListener("change", (e) => {
    const name = e.target.dataset?.option;
    if (!name) return;
    if (name === "target") {
      now.goal = Number(e.target.value);
      drawTargets();
    }
    tell("aim");
  });
  drawOptions();
  drawTargets();
  drawAim();
}
