// The first screen is true without any script. It is painted before what stands below it is laid out, and before the
// parts of the page are fetched.
const soon = (then) => requestAnimationFrame(() => setTimeout(then));
soon(() => {
  document.documentElement.dataset.painted = "";
  soon(() => import("./page.js"));
});
