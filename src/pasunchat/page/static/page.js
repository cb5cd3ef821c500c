// The page: every part begins in a task of its own, so that none blocks the first moving of the line.
import { beginAdded } from "./added.js";
import { beginControl } from "./control.js";
import { $, $$, onDo } from "./dom.js";
import { beginDrop } from "./drop.js";
import { beginFool } from "./fool.js";
import { beginHealth } from "./health.js";
import { beginKeep } from "./keep.js";
import { beginLater } from "./later.js";
import { beginLayers } from "./layers.js";
import { beginLittle } from "./little.js";
import { beginLook } from "./look.js";
import { now, source, tell } from "./now.js";
import { beginNumbers } from "./numbers.js";
import { beginOpening } from "./opening.js";
import { beginOptions } from "./options.js";
import { beginOthers } from "./others.js";
import { beginPicture } from "./picture.js";
import { forgetInks } from "./pixels.js";
import { beginProved } from "./proved.js";
import { beginSoftmax } from "./softmax.js";
import { beginSurvive } from "./survive.js";
import { beginTeaching } from "./teaching.js";
import { beginUnit } from "./unit.js";
import { beginVotes } from "./votes.js";
import { beginWhy } from "./why.js";

const PARTS = [beginPicture, beginOpening, beginDrop, beginLater, beginLook, beginOptions, beginFool, beginAdded, beginControl, beginNumbers, beginUnit, beginLayers, beginVotes, beginSoftmax, beginWhy, beginSurvive, beginLittle, beginProved, beginOthers, beginKeep, beginTheme, beginChapters, beginTeaching, beginHealth, beginModels];

function beginTheme() {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => { forgetInks(); tell("theme"); };
  onDo("theme", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    redraw();
  });
  dark.addEventListener("change", redraw);
}
// Which chapter one is in; and the other language at the same place.
function beginChapters() {
  const chapters = $$(".chapters a"), stations = $$(".station"), places = chapters.map((a) => stations.indexOf($(a.getAttribute("href"))));
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](stations.indexOf(entry.target));
    const chapter = places.findLastIndex((place) => place <= Math.max(-1, ...seen));
    chapters.forEach((a, i) => (i === chapter ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current")));
  }, { rootMargin: "0px 0px -55% 0px" });
  for (const one of stations) watcher.observe(one);
  const other = $("[data-language]");
  other.addEventListener("click", () => {
    const address = new URL(location);
    address.searchParams.set("lang", other.hreflang);
    other.href = address.href;
  });
}
async function beginModels() {
  try {
    now.models = await source.complete();
  } catch (refusal) {
    if (!refusal.key) throw refusal;
    return;
  }
  now.complete = true;
  tell("models");
  document.documentElement.dataset.complete = "";
}
async function begin() {
  const turn = new MessageChannel(), waiting = [];
  turn.port1.onmessage = () => waiting.shift()();
  for (const part of PARTS) {
    part();
    await new Promise((go) => { waiting.push(go); turn.port2.postMessage(0); });
  }
  document.documentElement.dataset.ready = "";
  const { hash } = location;
  if (hash && scrollY > 0) $(hash)?.scrollIntoView({ behavior: "instant" });
}
begin();
