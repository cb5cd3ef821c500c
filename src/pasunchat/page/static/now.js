// What the page is about just now, and who wants to know when that changes.
import { boot } from "./boot.js";
import { connect } from "./source.js";

export const source = connect(boot);
const EXAMPLE = "example";

// run: the network. photo: what it says of the photo. example: whether that is the finished example.
// found: facts of the photo fooled, null as long as there are none. attack: its id at the source.
export const now = { run: boot.run, photo: boot.facts.photo, example: true, found: boot.facts, attack: EXAMPLE, goal: boot.facts.goal, models: boot.models, complete: false };

export const model = () => now.models.find((m) => m.run === now.run);
export const answerOf = (probabilities) => probabilities.indexOf(Math.max(...probabilities));
export const was = () => answerOf(now.photo.probabilities);
export const fooled = () => Boolean(now.found && now.found.change && now.found.picture);
// The goal's total minus the largest of the others.
export const leadOf = (logits, goal) => logits[goal] - Math.max(...logits.filter((_, i) => i !== goal));
// The class that is meant where nobody has chosen one: the best after the answer.
export function runnerUp(probabilities) {
  const answer = answerOf(probabilities);
  return answerOf(probabilities.map((p, i) => (i === answer ? -1 : p)));
}

// Addresses of pictures: of the photo as file and as seen, of what came of it.
export function address(name) {
  if (now.example && now.attack === EXAMPLE && boot.example[name]) return boot.example[name];
  if (name === "photo") return source.url(now.photo.photo, now.run, "seen");
  if (name === "file") return source.url(now.photo.photo, now.run, "file");
  return source.picture(now.attack, name);
}
export const fileOf = (name) => (now.attack === EXAMPLE ? boot.example["file-" + name] ?? boot.example[name] ?? null : source.file(now.attack, name));
export const isShown = () => now.attack === EXAMPLE; // the finished example itself
export const isChelsea = () => isShown() && Boolean(boot.facts.photo.whole); // the one that comes with the program

// "photo": another photo or network. "found": another result, or none. "control", "survival", "others", ...: a part of it came. "models", "theme".
const watchers = new Map();
export function watch(names, then) {
  for (const name of names.split(" ")) watchers.set(name, [...(watchers.get(name) ?? []), then]);
}
export function tell(name) {
  for (const then of watchers.get(name) ?? []) then(name);
}

export function backToExample() {
  Object.assign(now, { run: boot.run, photo: boot.facts.photo, example: true, found: boot.facts, attack: EXAMPLE, goal: boot.facts.goal });
  tell("photo");
  tell("found");
}
export function setPhoto(photo, run, example = false) {
  Object.assign(now, { run, photo, example, found: null, attack: null, goal: runnerUp(photo.probabilities) });
  tell("photo");
  tell("found");
}
export function setFound(found, attack) {
  Object.assign(now, { found, attack });
  tell("found");
}
