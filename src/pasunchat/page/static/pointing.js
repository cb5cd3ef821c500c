// Point, touch or arrows (with Shift: 8) on a picture: (x, y) in its own pixels.
import { clamp } from "./dom.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Where an event is on `box`, whose picture is [high, wide].
export function placeOn(box, [high, wide], e) {
  const r = box.getBoundingClientRect();
  return [clamp(Math.floor(((e.clientX - r.left) / r.width) * wide), 0, wide - 1), clamp(Math.floor(((e.clientY - r.top) / r.height) * high), 0, high - 1)];
}
// size: () -> [high, wide]; at: () -> { x, y }; moved(x, y).
export function pointing(box, size, at, moved) {
  const by = (e) => moved(...placeOn(box, size(), e));
  box.addEventListener("pointermove", by);
  box.addEventListener("pointerdown", by);
  withArrows(box, (dx, dy) => {
    const [high, wide] = size();
    moved(clamp(at().x + dx, 0, wide - 1), clamp(at().y + dy, 0, high - 1));
  });
}
export function withArrows(box, moved) {
  box.addEventListener("keydown", (e) => {
    const d = ARROWS[e.key], far = e.shiftKey ? 8 : 1;
    if (!d) return;
    e.preventDefault();
    e.stopPropagation();
    moved(far * d[0], far * d[1]);
  });
}
