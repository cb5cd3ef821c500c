// A class has a mark, a colour and a texture: 1 circle, 2 square, 3 triangle, 4 diamond, 5 grey.
import { make, svg } from "./dom.js";
import { model, now, was } from "./now.js";
import { className, pc } from "./say.js";

// Of more than four classes only the answer and the goal have one.
export function markOf(index) {
  if (model().classes.length <= 4) return index + 1;
  return index === was() ? 1 : index === now.goal ? 2 : 5;
}
export const markIcon = (index) => make("i", { class: "mk c" + markOf(index), "aria-hidden": "true" });
export const nameOf = (index) => className(model().classes[index]);
export const said = (index, p, brief = false) => (Number.isNaN(p) ? nameOf(index) : `${nameOf(index)} ${pc(p, brief)}`);
// A name that gives way to its share where there is little room.
export const tagged = (index, p) => [make("span", { class: "who" }, nameOf(index)), ...(Number.isNaN(p) ? [] : [" ", make("span", {}, pc(p, true))])];
export const bold = (index, text) => make("b", { class: "c" + markOf(index) }, text);
export const boldAnswer = (index, p) => bold(index, `${nameOf(index)}, ${pc(p)}`);

// The mark as a shape in a drawing, about `size` wide.
export function markShape(index, x, y, size, name = "try") {
  const mark = markOf(index), r = size / 2, cls = `${name} c${mark}`;
  if (mark === 1) return svg("circle", { class: cls, cx: x, cy: y, r: r * 1.12 });
  if (mark === 3) return svg("path", { class: cls, d: `M${x} ${y - r * 1.2}l${r * 1.25} ${r * 2.2}h${-2.5 * r}z` });
  if (mark === 4) return svg("path", { class: cls, d: `M${x} ${y - r * 1.35}l${r * 1.35} ${r * 1.35}l${-r * 1.35} ${r * 1.35}l${-r * 1.35} ${-r * 1.35}z` });
  if (mark === 5) return svg("rect", { class: cls, x: x - r, y: y - r * 0.4, width: size, height: size * 0.4 });
  return svg("rect", { class: cls, x: x - r, y: y - r, width: size, height: size });
}
