// Fooling: first the search, whose tries only fill the chart; then the fall, in which the change found is let in
// little by little, and picture, tag, bars, curve and marker move together. It stops for a breath where the answer turns.
import { $, isStill, make, onDo, wait } from "./dom.js";
import { bold, boldAnswer, markOf, nameOf, said } from "./marks.js";
import { busyNote, note, wrongNote } from "./note.js";
import { address, answerOf, fooled, isShown, model, now, runnerUp, setFound, source, tell, was, watch } from "./now.js";
import { confidence, effort, requestNow, setEffort } from "./options.js";
import { setWipe, showAnswer, showFrame, showPicture, shownNow } from "./picture.js";
import { pixelsAt } from "./pixels.js";
import { drawPlane, drawPlaneKey, planeAt, planeLabel } from "./plane.js";
import { beginSearch, keepFound, running } from "./search.js";
import { cnt, num, pc, say, whole, word } from "./say.js";

const SLOW = 800, FAST = 100, FIRST_TRIES = 3, BEFORE = 700, TURN = 900, FRAME = 110, GIVEN_UP = 30, AT_LAST = 20; // ms, tries, ms, ..., steps, tries one by one
const button = $('[data-do="fool"]'), scrub = $('[data-do="scrub"]'), stepper = $('[data-do="step"]'), sayer = $("[data-say]"), verdict = $("[data-verdict]"), notes = $("[data-fool-note]");
let playing = null; // { stop, search }

const frames = () => Math.max(0, (now.found?.film ?? []).length - 1);

/* What is said beside it. */
function sayVerdict(index, p) {
  const from = now.photo.probabilities;
  verdict.replaceChildren(bold(was(), said(was(), from[was()])));
  if (index !== null) verdict.append(" ", make("span", { "aria-hidden": "true" }, "→"), make("span", { class: "vh" }, ","), " ", bold(index, said(index, p)));
}
function sayResult() {
  const { change, questions, probabilities, status } = now.found, after = probabilities.changed, index = answerOf(after);
  sayVerdict(index, after[index]);
  const one = change.max === 1, values = { max: change.max, still: cnt(change.still), total: cnt(change.total), q: cnt(questions) };
  sayer.textContent = say(one ? "verdict2_one" : "verdict2", values);
  notes.replaceChildren(...remarks(status, index, after[index]));
}
function remarks(status, index, p) {
  const best = said(index, p), found = [];
  if (status === "stopped") found.push(note("", say("r_stopped", { c: best })));
  if (status === "late") found.push(note("", say("v_late", { s: cnt(now.found.seconds_limit ?? 0) })));
  if (!now.found.fooled) {
    const flat = status === "flat", sure = now.found.request?.confidence;
    found.push(flat ? note("", word("v_flat")) : note("", say("v_closest", { c: best }), { more: say("v_closest2", { sure: pc(sure || 0.95) }), button: effort() === "thorough" ? "" : word("b_longer"), does: longer }));
  }
  return found;
}
function longer() {
  setEffort("thorough");
  startFooling();
}

/* The whole station as it stands. */
function drawFool() {
  if (playing && playing.facts === now.found) return;
  if (playing) stopPlaying();
  const has = fooled();
  button.dataset.state = "ready";
  button.textContent = word(has ? (now.found.fooled ? "fool_again" : "fool_go") : "fool_go");
  for (const control of [scrub, stepper]) control.disabled = !has || !frames();
  if (!has) {
    sayVerdict(null);
    sayer.textContent = word("fool_ready");
    notes.replaceChildren();
    drawPlane({ tries: fromPhoto([]) });
    drawPlaneKey(false);
    return;
  }
  drawWhole();
  sayResult();
  scrub.max = scrub.value = Math.max(1, frames());
  $("[data-scrub]").textContent = whole(1);
}
function drawWhole() {
  drawPlane({ tries: now.found.tries, film: now.found.film, draws: now.found.control?.draws ?? [], label: planeLabel(now.found) });
  drawPlaneKey(Boolean(now.found.control));
}

/* The fall: any of its frames by hand. */
let pair = null, pairOf = null; // pixels of photo and changed picture
async function pixelPair() {
  if (pairOf !== now.found) {
    const found = now.found;
    pair = await Promise.all([pixelsAt(address("photo")), pixelsAt(address("changed"))]);
    pairOf = found;
  }
  return pair;
}
async function showFall(i) {
  const found = now.found, last = frames(), full = i === last, [photo, changed] = await pixelPair();
  if (found !== now.found) return;
  showFrame(photo, changed, i, last);
  planeAt(i, last);
  scrub.value = i;
  $("[data-scrub]").textContent = whole(i / last);
  const probabilities = full ? found.probabilities.changed : atShare(i);
  const index = full ? answerOf(probabilities) : answerAt(i);
  showAnswer(probabilities, index);
  if (full) sayResult();
  else {
    sayVerdict(index, probabilities[index]);
    sayer.textContent = say("fool_fall", { s: whole(i / last) });
  }
}
// The shares of frame i that are known: all of them up to six classes, else the largest and the goal's.
function atShare(i) {
  const [, p, , known] = now.found.film[i], { goal } = now;
  if (known) return Object.assign(Array(model().classes.length).fill(NaN), known);
  return model().classes.length === 2 ? [1 - p, p].map((_, k) => (k === goal ? p : 1 - p)) : Object.assign(Array(model().classes.length).fill(NaN), { [goal]: p });
}
const answerAt = (i) => now.found.film[i][2] ?? (now.found.film[i][1] > 0.5 ? now.goal : was());
const turns = (i) => {
  return i > 0 && answerAt(i) === now.goal && answerAt(i - 1) !== now.goal;
};

/* Playing: the tries as they came, or as they come; then the fall. */
async function playSearch(me) {
  const { facts, search } = me;
  showPicture("photo");
  let shown = 0;
  while (!me.stop && !search?.isFailed) {
    if (shown < facts.tries.length) {
      shown += next(shown, facts.tries.length - shown);
      const t = facts.tries[shown - 1], index = tryLabel(t);
      drawPlane({ tries: fromPhoto(facts.tries.slice(0, shown)), searching: true });
      const c = said(index, index === now.goal ? t.p : 1 - t.p);
      const known = !search || search.isFound;
      sayer.textContent = known ? say("fool_try", { i: shown, n: facts.tries.length, c, d: num(t.size, 2) }) : say("r_run", { i: shown, c: said(now.goal, t.p) });
      if (!isStill()) await pause(me, shown <= FIRST_TRIES ? SLOW : FAST);
    } else if (!search || search.isFound) return;
    else await pause(me, GIVEN_UP * FAST, true);
  }
}
// Tries, before them the photo itself, where no try is that.
const fromPhoto = (tries) => (tries[0]?.size === 0 ? tries : [{ p: now.photo.probabilities[now.goal], size: 0, label: was() }, ...tries]);
// How many tries to show next: one by one at first, then the faster the more there are still to show.
const next = (shown, rest) => (isStill() ? rest : shown < FIRST_TRIES ? 1 : Math.ceil(rest / AT_LAST));
const tryLabel = (t) => (t.label ?? (t.p > 0.5 ? now.goal : was()));
// Waits, and no longer than until it is stopped or, where `news`, something has come.
function pause(me, ms, news = false) {
  return new Promise((go) => {
    const timer = setTimeout(go, ms);
    me.wake = (isNews) => { if (!isNews || news) { clearTimeout(timer); go(); } };
  });
}
async function playFall(me) {
  const last = frames();
  if (!last) return;
  await pixelPair();
  drawWhole();
  for (let i = 0; i <= last && !me.stop; i++) {
    await showFall(i);
    if (!isStill()) await pause(me, i === 0 ? BEFORE : turns(i) ? TURN : FRAME);
  }
}
function beginPlaying(facts, search = null) {
  const me = (playing = { stop: false, wake: () => {}, facts, search });
  button.textContent = word("fool_stop");
  button.dataset.state = "busy";
  for (const control of [scrub, stepper]) control.disabled = true;
  $(".verdict").setAttribute("aria-live", "off");
  bringIntoView();
  return me;
}
function stopPlaying() {
  playing.stop = true;
  playing.wake(false);
  playing = null;
  $(".verdict").setAttribute("aria-live", "polite");
}
function endPlaying(me) {
  if (playing !== me) return;
  stopPlaying();
  showPicture("both");
  setWipe(50);
  drawFool();
}
// Just so far that button, verdict and chart are on the screen.
function bringIntoView() {
  const { top, bottom } = $("#fool .chartbox").getBoundingClientRect(), high = $("#fool .do").getBoundingClientRect().top;
  const margin = 80;
  if (bottom > innerHeight || high < margin || top < 0) scrollBy({ top: Math.min(bottom - innerHeight + 12, high - margin), behavior: isStill() ? "instant" : "smooth" });
}
async function watchAgain() {
  const me = beginPlaying(now.found);
  sayVerdict(null);
  notes.replaceChildren();
  await playSearch(me);
  if (!me.stop) await playFall(me);
  endPlaying(me);
}

/* A search of one's own. */
export async function startFooling(more = {}) {
  if (playing) stopPlaying();
  if (now.goal === was()) return sayAlready();
  const request = requestNow(more);
  setFound(null, null);
  const facts = { tries: [] }, search = { isFound: false, isFailed: false, stop: null }, me = beginPlaying(facts, search);
  sayVerdict(null);
  sayer.textContent = word("r_begun");
  drawPlane({ tries: fromPhoto([]), searching: true });
  drawPlaneKey(false);
  notes.replaceChildren();
  let mine = null;
  const playingSearch = playSearch(me);
  try {
    mine = await beginSearch(request, (name, data, it) => {
      mine = it;
      if (playing !== me) return;
      facts.tries = it.facts.tries;
      if (name === "place") sayPlace(data.place);
      if (name === "begun") notes.replaceChildren();
      if (name === "found") me.picture = data;
      if (name === "film" || name === "done") search.isFound = true;
      if (name === "failed") { search.isFailed = true; search.refusal = data; }
      me.wake(true);
    });
    search.stop = mine.stop;
    if (me.stopAsked) mine.stop();
  } catch (refusal) {
    if (!refusal.key) throw refusal;
    return refuse(me, refusal);
  }
  await playingSearch;
  if (playing !== me && !me.stop) return;
  if (search.isFailed) return refuse(me, search.refusal);
  me.facts = mine.facts;
  keepFound(mine);
  showPicture("photo");
  if (!me.stop && now.found === mine.facts) await playFall(me);
  endPlaying(me);
}
function sayPlace(place) {
  notes.replaceChildren(...(place > 0 ? [busyNote("q_wait", { n: place })] : []));
}
function sayAlready() {
  const other = runnerUp(now.photo.probabilities);
  notes.replaceChildren(note("", say("v_already", { b: nameOf(now.goal) }), { more: say("v_already2", { a: nameOf(other) }), button: word("b_right"), does: () => { now.goal = other; tell("photo-goal"); tell("aim"); startFooling(); } }));
}
function refuse(me, refusal) {
  if (playing === me) stopPlaying();
  drawFool();
  if (refusal.key === "v_already") return sayAlready();
  if (refusal.key === "v_flat") return notes.replaceChildren(note("", word("v_flat")));
  if (refusal.key === "g_expired") tell("expired");
  notes.replaceChildren(refusal.key === "q_full" ? note("wrong", say("q_full", refusal.values), { button: word("b_again"), does: () => startFooling() }) : wrongNote(refusal));
}
// The button: fool, stop, or watch again.
function press() {
  if (!playing) return fooled() && now.found.fooled ? watchAgain() : startFooling();
  const { search } = playing;
  if (search && !search.isFound && !search.isFailed) {
    playing.stopAsked = true;
    search.stop?.();
    notes.replaceChildren(note("busy", word("r_stopping")));
    return undefined;
  }
  playing.stop = true;
  playing.wake(false);
  return undefined;
}

export function beginFool() {
  watch("found photo-goal", drawFool);
  watch("control", () => { if (!playing) drawWhole(); });
  watch("models", () => { if (!playing) drawFool(); });
  onDo("fool", press);
  onDo("anew", () => startFooling());
  onDo("first", () => { $("#fool").scrollIntoView({ behavior: isStill() ? "instant" : "smooth" }); startFooling(); });
  onDo("step", () => { const at = Number(scrub.value), last = frames(); showFall(at >= last ? 0 : at + 1); });
  scrub.addEventListener("input", () => showFall(Number(scrub.value)));
  document.addEventListener("change", (e) => { if (e.target.name === "show") { if (fooled() && frames() && Number(scrub.value) < frames()) showFall(frames()).then(() => showPicture(e.target.value)); else showPicture(e.target.value); } });
  drawFool();
}
