// What is costly is drawn when its station comes near, and again when it is near and out of date.
import { $ } from "./dom.js";
import { watch } from "./now.js";

const MARGIN = "600px";

// draw(isFresh): isFresh() is false once a newer drawing has begun. failed(refusal) where it was refused.
export function whenNear(id, names, draw, failed = () => {}) {
  let isNear = false, isStale = true, turn = 0;
  async function go() {
    if (!isNear || !isStale) return;
    isStale = false;
    const mine = ++turn, isFresh = () => mine === turn;
    try { await draw(isFresh); } catch (refusal) {
      if (!refusal.key) throw refusal;
      if (isFresh()) failed(refusal);
    }
  }
  watch(names, () => { isStale = true; turn++; go(); });
  new IntersectionObserver((seen) => { isNear = seen.at(-1).isIntersecting; go(); }, { rootMargin: MARGIN }).observe($("#" + id));
}
