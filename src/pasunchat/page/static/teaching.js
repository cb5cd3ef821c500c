// Teaching: one station at a time, in the talk's order, large.
import { $, $$, onDo } from "./dom.js";
import { blink } from "./picture.js";
import { say } from "./say.js";

const stations = $$(".station"), order = [...stations].sort((a, b) => a.dataset.talk - b.dataset.talk), foot = $(".stepper");
let step = 0;

function goTo(i) {
  step = Math.max(0, Math.min(order.length - 1, i));
  for (const one of stations) one.classList.toggle("now", one === order[step]);
  $("[data-step-name]").textContent = $("h1, h2", order[step]).textContent;
  $("[data-step-of]").textContent = say("of", { i: step + 1, n: order.length });
  $('[data-do="prev"]').disabled = step === 0;
  $('[data-do="next"]').disabled = step === order.length - 1;
  history.replaceState(null, "", "#" + order[step].id);
  scrollTo({ top: 0, behavior: "instant" });
  order[step].focus({ preventScroll: true });
}
function teach(start) {
  document.documentElement.classList.toggle("teaching", start);
  foot.hidden = !start;
  // the page's own heading is one station's; whichever is shown stands below the name
  if (start) Object.assign($("[data-name]"), { role: "heading", ariaLevel: "1" });
  else for (const one of ["role", "aria-level"]) $("[data-name]").removeAttribute(one);
  $('.tool[data-do="teach"]').setAttribute("aria-pressed", start);
  const address = new URL(location);
  address.searchParams.delete("teach");
  if (start) {
    address.search = address.search ? `${address.search}&teach` : "?teach";
    history.replaceState(null, "", address);
    goTo(Math.max(0, order.findIndex((one) => "#" + one.id === location.hash)));
    return;
  }
  history.replaceState(null, "", address);
  for (const one of stations) one.classList.remove("now");
  order[step].scrollIntoView({ behavior: "instant" });
}
const isTyping = (e) => /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);

export function beginTeaching() {
  onDo("teach", () => teach(foot.hidden));
  onDo("prev", () => goTo(step - 1));
  onDo("next", () => goTo(step + 1));
  addEventListener("hashchange", () => {
    const i = order.findIndex((one) => "#" + one.id === location.hash);
    if (!foot.hidden && i >= 0 && i !== step) goTo(i);
  });
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || isTyping(e)) return;
    if (e.key === "b" && !e.repeat) blink(true);
    if (e.key === "t") teach(foot.hidden);
    if (foot.hidden) return;
    if (e.key === "Escape") teach(false);
    if (e.key === "ArrowRight") goTo(step + 1);
    if (e.key === "ArrowLeft") goTo(step - 1);
  });
  addEventListener("keyup", (e) => { if (e.key === "b") blink(false); });
  if (document.documentElement.classList.contains("teaching") || new URLSearchParams(location.search).has("teach")) teach(true);
}
