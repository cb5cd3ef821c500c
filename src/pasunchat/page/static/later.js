// Stations about the changed picture keep their place, and say "Fool it first" as long as there is none.
import { $, make } from "./dom.js";
import { note } from "./note.js";
import { fooled, watch } from "./now.js";
import { startFooling } from "./fool.js";
import { word } from "./say.js";

const LATER = ["added", "random", "why", "survive", "little", "others", "keep"];

// Says something in the place of a station's figures; nothing: shows them.
export function insteadOf(id, box = null) {
  const place = $(`#${id} .later`), body = $(`#${id} .body`);
  place.hidden = !box;
  place.replaceChildren(...(box ? [box] : []));
  body.hidden = Boolean(box);
}
// The same, but the figures stay, dimmed.
function firstFool(id) {
  const place = $(`#${id} .later`), body = $(`#${id} .body`), has = fooled(), is = place.dataset.why === "first";
  if (has && is) {
    delete place.dataset.why;
    place.hidden = true;
    body.hidden = false;
  }
  if (has || is) return;
  place.dataset.why = "first";
  place.hidden = false;
  body.hidden = true;
  const box = note("", word("fool_first"), { more: word("fool_first_p") });
  const button = make("button", { class: "quiet", type: "button" }, word("fool_go"));
  button.addEventListener("click", () => {
    $("#fool").scrollIntoView();
    startFooling();
  });
  box.insertBefore(button, box.children[1]);
  place.replaceChildren(box);
}
export function beginLater() {
  const all = () => LATER.forEach(firstFool);
  watch("found", all);
  all();
}
