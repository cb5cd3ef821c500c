// A note: a fact, something at work, or something wrong; a sentence, what to do next, at most one button.
import { make } from "./dom.js";
import { say, word } from "./say.js";

export function note(kind, text, { more = "", button = "", does = null, code = "" } = {}) {
  const box = make("div", { class: `note ${kind}` }, make("p", {}, text));
  if (button) {
    const press = make("button", { class: "quiet", type: "button" }, button);
    press.addEventListener("click", does);
    box.append(press);
  }
  if (more) box.append(make("p", { class: "small" }, more));
  if (code) box.append(make("pre", {}, make("code", {}, code)));
  return box;
}
export const busyNote = (key, values) => note("busy", say(key, values));

// A refusal in words. Keys that the table does not have are said as they are.
export function refusalText(refusal) {
  return word(refusal.key) ? say(refusal.key, refusal.values ?? {}) : say("e_unknown", { what: refusal.key ?? String(refusal) });
}
// fact: nothing is wrong, it is so.
export const wrongNote = (refusal, more) => note(refusal.fact ? "" : "wrong", refusalText(refusal), more);
