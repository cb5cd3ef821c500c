// A photo of one's own: dropped, pasted, chosen, or one of the samples; and another network for it.
import { boot } from "./boot.js";
import { $, $$ } from "./dom.js";
import { said } from "./marks.js";
import { busyNote, note, wrongNote } from "./note.js";
import { backToExample, model, now, setPhoto, source, watch } from "./now.js";
import { pressSample } from "./opening.js";
import { say } from "./say.js";

// the sample that is the finished example, where one is
const EXAMPLE_SAMPLE = boot.example_sample === undefined ? boot.samples[0]?.name : boot.example_sample, MOST_BYTES = 20e6;
const zone = $(".drop"), notes = $("[data-drop-note]"), menu = $("[data-models]");
let asked = 0; // only the last photo asked for counts

function state(name, box = null) {
  zone.dataset.state = name;
  notes.replaceChildren(...(box ? [box] : []));
}
// Asks for a photo by `ask`, and says how it went. Gives the facts, or null.
async function ask(begun, question, sample = null) {
  const mine = ++asked, run = menu.value || now.run;
  state("busy", begun);
  try {
    const photo = await question(run);
    if (mine !== asked) return null;
    setPhoto(photo, run, photo.photo === boot.facts.photo.photo);
    pressSample(sample);
    state("done", remark(photo));
    return photo;
  } catch (refusal) {
    if (!refusal.key) throw refusal;
    if (mine !== asked) return null;
    menu.value = now.run;
    state("wrong", wrongNote(refusal));
    return null;
  }
}
// What is worth knowing of the file: a receipt, or that only its first picture was taken.
function remark({ receipt, file, probabilities }) {
  if (receipt && receipt.state === "holds") return note("", say("c_holds", { c: said(model().classes.indexOf(receipt.goal), receipt.p ?? Math.max(...probabilities)), max: receipt.max }));
  if (receipt) return note("wrong", receipt.findings?.length ? say("c_not", { why: receipt.findings.join(" ") }) : say("c_not_plain"));
  if (file.frames > 1) return note("", say("e_first", { name: file.name }));
  return null;
}
export async function openFile(file) {
  if (!file) return null;
  if (file.size > MOST_BYTES) {
    state("wrong", wrongNote({ key: "e_bytes", values: { name: file.name, size: `${Math.round(file.size / 1e6)} MB` } }));
    return null;
  }
  return ask(busyNote("s_reading", { name: file.name }), (run) => source.open(file, file.name, run));
}
async function openSample(name) {
  if (name === EXAMPLE_SAMPLE && menu.value === boot.run) {
    asked++;
    state("empty");
    backToExample();
    pressSample(name);
    return;
  }
  const { textContent } = $(`.sample[data-sample="${name}"] span`);
  await ask(busyNote("s_reading", { name: textContent }), (run) => source.sample(name, run), name);
}
// Another network for the photo that is there.
async function changeModel() {
  const run = menu.value, chosen = now.models.find((m) => m.run === run);
  if (now.photo.photo === boot.facts.photo.photo && run === boot.run) {
    asked++;
    state("empty");
    backToExample();
    return;
  }
  const isExample = now.example, photo = now.photo.photo;
  const mine = ++asked;
  state("busy", busyNote("s_asking", { model: chosen.name }));
  try {
    const answer = await source.ask(photo, run);
    if (mine !== asked) return;
    setPhoto(answer, run, isExample);
    state("done");
  } catch (refusal) {
    if (!refusal.key) throw refusal;
    if (mine !== asked) return;
    menu.value = now.run;
    state("wrong", wrongNote(refusal));
  }
}
const pasted = (e) => [...(e.clipboardData?.items ?? [])].find((item) => item.kind === "file" && item.type.startsWith("image/"));

export function beginDrop() {
  let depth = 0;
  const holdsFiles = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", (e) => { if (holdsFiles(e)) { e.preventDefault(); depth++; zone.classList.add("over"); } });
  addEventListener("dragover", (e) => { if (holdsFiles(e)) e.preventDefault(); });
  addEventListener("dragleave", (e) => { if (holdsFiles(e) && --depth <= 0) { depth = 0; zone.classList.remove("over"); } });
  addEventListener("drop", (e) => {
    if (!holdsFiles(e)) return;
    e.preventDefault();
    depth = 0;
    zone.classList.remove("over");
    zone.scrollIntoView({ block: "nearest" });
    openFile(e.dataTransfer.files[0]);
  });
  addEventListener("paste", (e) => {
    const item = pasted(e);
    if (!item) return;
    e.preventDefault();
    openFile(item.getAsFile());
  });
  $("[data-file]").addEventListener("change", (e) => { openFile(e.target.files[0]); e.target.value = ""; });
  for (const sample of $$(".sample")) sample.addEventListener("click", () => openSample(sample.dataset.sample));
  menu.addEventListener("change", changeModel);
  if (boot.wanted && boot.wanted !== boot.run) {
    menu.value = boot.wanted;
    changeModel();
  }
  watch("expired", () => state("wrong", note("wrong", say("g_expired"))));
}
