// Bars: a class in each row; up to six, then the five largest and how many others there are.
import { make, svg } from "./dom.js";
import { markIcon, markOf, nameOf } from "./marks.js";
import { now, was } from "./now.js";
import { pc, say } from "./say.js";

const MOST_ROWS = 6, LARGEST = 5;

// Which classes have a row: the largest of two answers, the photo's and the goal among them.
export function rowsOf(before, after, first = [was(), now.goal]) {
  if (before.length <= MOST_ROWS) return before.map((_, i) => i);
  const most = before.map((_, i) => i).sort((a, b) => Math.max(before[b], after[b]) - Math.max(before[a], after[a]));
  return [...new Set([...first, ...most])].slice(0, LARGEST);
}

export function bar(cls, p, before = null) {
  const parts = [svg("rect", { class: "track", width: "100%", height: "100%" }), svg("rect", { class: "fill", width: `${100 * p}%`, height: "100%" })];
  if (before !== null) parts.push(svg("rect", { class: "was", x: `${100 * before}%`, width: 3, height: "100%" }));
  return svg("svg", { class: "bar " + cls, height: 12, "aria-hidden": "true", focusable: "false" }, ...parts);
}

// Rows for `list`, a <dl>. What comes back sets them: (probabilities) -> nothing.
export function drawBars(list, rows, probabilities, before = null, brief = true) {
  const total = probabilities.length, values = [], fills = [], others = total - rows.length;
  list.replaceChildren(...rows.map((index) => {
    const drawn = bar("c" + markOf(index), probabilities[index], before && before[index]);
    const value = make("dd", { class: "v" }, pc(probabilities[index], brief));
    fills.push(drawn.querySelector(".fill"));
    values.push(value);
    return make("div", { class: "row" }, make("dt", { title: nameOf(index) }, markIcon(index), nameOf(index)), make("dd", { class: "b" }, drawn), value);
  }));
  const rest = make("dd", { class: "v" });
  if (others > 0) list.append(make("div", { class: "row rest" }, make("dt", {}, say("others_n", { n: others })), make("dd", { class: "b" }), rest));
  // a share that is not known is left out
  function set(shares) {
    const known = (p) => (Number.isNaN(p) ? "–" : pc(p, brief)), sum = rows.reduce((part, index) => part + shares[index], 0);
    rows.forEach((index, row) => { fills[row].style.width = `${100 * (shares[index] || 0)}%`; values[row].textContent = known(shares[index]); });
    rest.textContent = known(Math.max(0, 1 - sum));
  }
  set(probabilities);
  return set;
}
