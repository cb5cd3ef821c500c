// Short ways to the document.
export const $ = (query, at = document) => at.querySelector(query);
export const $$ = (query, at = document) => [...at.querySelectorAll(query)];

export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children);
  return element;
}

export const onDo = (name, does) => document.addEventListener("click", (e) => { const at = e.target.closest(`[data-do="${name}"]`); if (at) does(at, e); });
export const wait = (ms) => new Promise((go) => setTimeout(go, ms));
export const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const clamp = (v, low, high) => Math.min(high, Math.max(low, v));

// Only the last of many calls is answered while one is under way: a pointer moves faster than answers come.
export function latest(does) {
  let busy = false, next = null;
  return async function run(...given) {
    if (busy) { next = given; return; }
    busy = true;
    try { await does(...given); } finally {
      busy = false;
      const again = next;
      next = null;
      if (again) run(...again);
    }
  };
}
