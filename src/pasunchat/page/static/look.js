// Stations "What does it see?" and "How sure is it?".
import { drawBars, rowsOf } from "./bars.js";
import { $, make, svg } from "./dom.js";
import { said } from "./marks.js";
import { address, answerOf, isChelsea, model, now, source, watch } from "./now.js";
import { whenNear } from "./near.js";
import { cnt, num, pc, say, share, word } from "./say.js";
import { boot } from "./boot.js";

const SEEN_WORDS = { pad: "see_p", crop: "see_p_crop", squash: "see_p_squash" }, MOST_SHARES = 3;

const arrow = () => svg("svg", { class: "arrow", width: 36, height: 20, viewBox: "0 0 36 20", "aria-hidden": "true" }, svg("path", { d: "M1 10h32M25 3l8 7-8 7", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }));

function drawSee() {
  // the finished example is a square cut from a photo; that whole photo is shown here
  const all = isChelsea() ? now.photo.whole : now.photo, { file, seen } = all, other = all !== now.photo;
  $("[data-see-p]").textContent = say(SEEN_WORDS[seen.framing] ?? "see_p", { s: seen.size });
  const picture = make("img", { src: other ? boot.example.whole : address("file"), width: file.width, height: file.height, alt: word("see_alt1") });
  const square = make("img", { src: other ? boot.example["whole-seen"] : address("photo"), width: seen.size, height: seen.size, alt: word("see_alt2") });
  const padded = make("div", { class: "padded" }, square, ...padsOf(seen));
  const caption = say("see_1", { w: cnt(file.width), h: cnt(file.height) }) + (other ? word("see_1_more") : "");
  const left = make("div", {}, picture, make("p", { class: "cap" }, caption)), right = make("div", {}, padded, make("p", { class: "cap" }, say("see_2", { s: seen.size })));
  left.style.flexGrow = Math.min(2, Math.max(0.6, file.width / file.height)) * 300;
  right.style.flexGrow = 300;
  $("[data-see]").replaceChildren(left, arrow(), right);
}
// What was added at the sides of the photo, hatched and named.
function padsOf({ size, box, framing }) {
  if (framing !== "pad") return [];
  const [x0, y0, x1, y1] = box, at = { top: y0, bottom: size - y1, left: x0, right: size - x1 };
  return Object.entries(at).filter(([, depth]) => depth >= 2).map(([side, depth]) => {
    const pad = make("span", { class: `pad ${side}` }, depth >= 0.1 * size && (side === "top" || side === "bottom") ? word("see_pad") : "");
    pad.style[side === "top" || side === "bottom" ? "height" : "width"] = `${(100 * depth) / size}%`;
    return pad;
  });
}

function drawSure() {
  const { probabilities, believe } = now.photo, { accuracy, calibration_error: ece } = model();
  const most = rowsOf(probabilities, probabilities, []).sort((a, b) => probabilities[b] - probabilities[a]).slice(0, MOST_SHARES);
  const text = [say("sure_p", { shares: most.map((i) => said(i, probabilities[i])).join(", ") })];
  if (believe && believe.photos) text.push(say("sure_believe", { n: cnt(believe.photos), lo: pc(believe.low), hi: pc(believe.high), right: cnt(believe.right), least: num(100 * believe.interval[0]), most: share(believe.interval[1], 0) }));
  else if (accuracy) text.push(say(ece === null ? "sure_acc" : "sure_mean", { n: cnt(accuracy.photos), acc: share(accuracy.value), ece: num(100 * (ece ?? 0), 1) }));
  else text.push(say("sure_none"));
  const measure = $("[data-sure-p]");
  measure.replaceChildren(text.join(" "));
  if (!accuracy) measure.append(" ", make("code", {}, `pasunchat evaluate ${model().name} --data photos/`));
}
let coffee = null, coffeeOf = null; // the answer to a cup of coffee, and whose it is
async function drawCoffee(isFresh) {
  const { run } = now;
  if (coffeeOf !== run) {
    const found = run === boot.run && boot.facts.coffee ? boot.facts.coffee : await source.sample("coffee", run);
    if (!isFresh()) return;
    [coffee, coffeeOf] = [found, run];
  }
  const { probabilities } = coffee, sure = Math.max(...probabilities) > 0.9;
  $("[data-sure-p2]").textContent = say(sure ? "sure_p2" : "sure_p2_soft", { n: cnt(probabilities.length) });
  const list = make("dl", { class: "bars" }), url = boot.samples.find((s) => s.name === "coffee")?.url;
  drawBars(list, rowsOf(probabilities, probabilities, [answerOf(probabilities)]), probabilities);
  $("[data-coffee]").replaceChildren(...(url ? [make("img", { src: url, width: 144, height: 144, alt: word("sure_alt"), loading: "lazy" })] : []), make("div", {}, make("p", { class: "cap" }, word("sure_cap")), list));
}
export function beginLook() {
  watch("photo", drawSee);
  watch("photo models", drawSure);
  drawSee();
  drawSure();
  whenNear("sure", "photo", drawCoffee, () => { $("[data-sure-p2]").textContent = ""; $("[data-coffee]").replaceChildren(); });
}
