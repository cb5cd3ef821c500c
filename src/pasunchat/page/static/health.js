// Whether the program is there. As long as it is not, a note at the top says so; what is on the page stays.
import { $ } from "./dom.js";
import { note } from "./note.js";
import { source } from "./now.js";
import { word } from "./say.js";

const GONE = 2000, THERE = 15000, box = $("[data-gone]"); // ms between questions
let isGone = false, timer = 0;

function showGone() {
  if (isGone) return;
  isGone = true;
  box.replaceChildren(note("wrong", word("g_gone"), { more: word("g_gone2"), code: "pasunchat page" }));
  again(GONE);
}
function again(ms) {
  clearTimeout(timer);
  timer = setTimeout(askHealth, ms);
}
async function askHealth() {
  try {
    await source.alive();
    isGone = false;
    box.replaceChildren();
    again(THERE);
  } catch (refusal) {
    if (!refusal.key) throw refusal;
    showGone();
    again(GONE);
  }
}
export function beginHealth() {
  if (!source.alive) return;
  source.onLost(showGone);
  again(0);
}
