// How sentences and numbers are said: as the program says them, in the page's language.
import { boot } from "./boot.js";

const FRENCH = boot.lang === "fr";
const SPACE = "\u00a0", NARROW = "\u202f"; // that no line is broken at

export const word = (key) => boot.words[key];

// A sentence of the table as plain text.
export function say(key, values = {}) {
  return word(key).replace(/([_*])(.+?)\1/g, "$2").replace(/{(\w+)}/g, (_, name) => values[name]);
}

// The same as nodes: `_term_` and `*italic*` are marked, and a value may be a node.
export function rich(key, values = {}) {
  const whole = document.createDocumentFragment();
  for (const part of word(key).split(/({\w+}|_.+?_|\*.+?\*)/)) {
    const name = part.match(/^{(\w+)}$/), marked = part.match(/^([_*])(.+)\1$/);
    if (name) whole.append(values[name[1]]);
    else if (marked) whole.append(Object.assign(document.createElement(marked[1] === "_" ? "dfn" : "i"), { textContent: marked[2] }));
    else if (part) whole.append(part);
  }
  return whole;
}

export function num(x, places = 0) {
  const text = x.toFixed(places).replace(/^-(0[.]?0*)$/, "$1").replace("-", "−");
  return FRENCH ? text.replace(".", ",") : text;
}
export const sign = (x, places = 0) => num(x, places).replace(/^(?=[^−])(?!0[.,]?0*$)/, "+");
export const cnt = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, FRENCH ? NARROW : ",");

// A probability: no classifier is ever 100 % sure. `brief` where there is little room.
export function pc(p, brief = false) {
  const [more, less] = brief ? [">", "<"] : FRENCH ? ["plus de", "moins de"] : ["more than", "less than"];
  if (p > 0.999) return `${more}${SPACE}${num(99.9, 1)}${SPACE}%`;
  if (p < 0.001) return `${less}${SPACE}${num(0.1, 1)}${SPACE}%`;
  return num(100 * p, p < 0.01 || p > 0.99 ? 1 : 0) + SPACE + "%";
}
// A share of things counted.
export const share = (part, places = 1) => (part === 0 ? "0" : part > 0.999 || part < 0.001 ? pc(part).slice(0, -2) : num(100 * part, places)) + SPACE + "%";
export const whole = (part) => num(100 * part) + SPACE + "%";
// A small number with one digit that is not 0: 0.0001.
export const tiny = (x) => (Math.abs(x) < 1e-7 ? num(0) : num(x, Math.max(1, Math.ceil(-Math.log10(Math.abs(x))))));

// The name of a class; those of the shipped networks in this language.
export const className = (name) => boot.words["class_" + name] ?? name;

export function listed(parts) {
  return parts.length > 1 ? parts.slice(0, -1).join(", ") + word("and") + parts.at(-1) : parts.join("");
}
