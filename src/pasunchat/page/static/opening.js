// The opening's sentence, and what is known of the network.
import { $, $$, make } from "./dom.js";
import { boldAnswer, nameOf } from "./marks.js";
import { answerOf, fooled, isChelsea, isShown, model, now, was, watch } from "./now.js";
import { cnt, listed, num, rich, say, share, word } from "./say.js";

const FEW = 6;

// The sentence under the title, with both answers.
function lead() {
  const { probabilities } = now.photo, a = boldAnswer(was(), probabilities[was()]);
  if (!fooled()) return rich(now.example ? "lead_this" : "lead_own", { a });
  const after = now.found.probabilities.changed, b = boldAnswer(answerOf(after), after[answerOf(after)]);
  if (isShown()) return rich(isChelsea() ? "lead" : "lead_any", { a, b });
  return rich(now.found.fooled ? "lead_fooled" : "lead_not", { a, b });
}
// "cat and dog", or how many there are.
export function classesInWords() {
  const { classes } = model();
  return classes.length <= FEW ? listed(classes.map((_, i) => nameOf(i))) : say("classes_n", { n: cnt(classes.length) });
}
function drawOpening() {
  $("[data-lead]").replaceChildren(lead());
  $("[data-lead2]").textContent = word(fooled() ? "lead2" : "lead2_own");
  $("[data-lead3]").hidden = !isChelsea();
  const { accuracy } = model(), classes = classesInWords();
  $("[data-facts]").textContent = accuracy
    ? say("facts", { classes, acc: share(accuracy.value), n: cnt(accuracy.photos), lo: num(100 * accuracy.low, 1), hi: share(accuracy.high) })
    : say("facts_none", { classes });
}

// The networks to choose from, with how many numbers each has learnt.
function drawModels(event) {
  const chosen = event === "photo" ? now.run : $("[data-models]").value; // one that is being asked stays chosen
  $("[data-models]").replaceChildren(...now.models.map((m) => make("option", { value: m.run, selected: m.run === chosen }, nameAndSize(m))));
}
export function nameAndSize({ name, parameters }) {
  if (!parameters) return name;
  return `${name}, ${parameters > 999999 ? say("numbers_m", { n: num(parameters / 1e6, 1) }) : say("numbers_n", { n: cnt(parameters) })}`;
}
export function pressSample(name) {
  for (const sample of $$(".sample")) sample.setAttribute("aria-pressed", sample.dataset.sample === name);
}
export function beginOpening() {
  watch("found models", drawOpening);
  watch("models photo", drawModels);
}
