// Take it with you: the picture with its receipt, facts, film, report; and the same from the command line.
import { $, make, onDo, wait } from "./dom.js";
import { whenNear } from "./near.js";
import { fileOf, fooled, model, now } from "./now.js";
import { word } from "./say.js";

const FILES = [["changed", "keep_png"], ["facts", "keep_json"], ["film", "keep_film"], ["report", "keep_report"]];

function drawKeep() {
  if (!fooled()) return;
  const { classes, name } = model(), stem = now.photo.file.name.replace(/\.[^.]*$/, ""), file = `${stem}.${now.found.fooled ? "" : "closest-to-"}${classes[now.goal]}`;
  const kinds = { changed: "png", facts: "json", film: "webp", report: "html" };
  const bare = now.found.receipt === false;
  $("[data-keep-p]").textContent = word(bare ? "keep_bare" : "keep_p");
  $("[data-verify]").parentElement.hidden = bare;
  $("[data-keep-cmd]").hidden = bare;
  $("[data-verify]").textContent = `pasunchat verify ${shellWord(`${file}.png`)} --model ${shellWord(name)}`;
  $("[data-files]").replaceChildren(...FILES.map(([which, key]) => [fileOf(which), which, key]).filter(([url]) => url).flatMap(([url, which, key]) => [make("a", { class: "quiet", href: url, download: `${file}.${kinds[which]}` }, word(key)), " "]));
  $("[data-command]").textContent = now.found.command;
}
// As a shell takes it for one word.
export const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`);

export function beginKeep() {
  whenNear("keep", "found", drawKeep);
  onDo("copy", async (button) => {
    await navigator.clipboard?.writeText($("code", button.parentElement).textContent).catch(() => {});
    button.textContent = word("keep_copied");
    await wait(1600);
    button.textContent = word("keep_copy");
  });
}
