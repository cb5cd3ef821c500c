// Pictures as numbers, and the frames between a photo and its changed picture.
const KEPT = 12, kept = new Map();

// { width, height, data: RGBA } of a picture of ours, without loss.
export function pixelsAt(url) {
  if (!kept.has(url)) {
    if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
    const found = read(url);
    found.catch(() => kept.delete(url));
    kept.set(url, found);
  }
  return kept.get(url);
}
async function read(url) {
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => { throw { key: "g_expired" }; });
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

// A number in [0, 1) that belongs to a value by its place in [H, W, 3]: an integer hash (Wellons' lowbias32).
export function grain(i) {
  let x = (i + 1) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) / 4294967296;
}
let grains = new Float64Array(0);
function grainsOf(count) {
  if (grains.length < count) grains = Float64Array.from({ length: count }, (_, i) => grain(i));
  return grains;
}

// After `step` of `steps` each value has moved by floor(step |change| / steps + its grain).
export function frameAt(photo, changed, step, steps) {
  const out = new ImageData(photo.width, photo.height), u = grainsOf((photo.data.length / 4) * 3);
  for (let i = 0, at = 0; at < out.data.length; at += 4) {
    for (let c = 0; c < 3; c++, i++) {
      const a = photo.data[at + c], d = changed.data[at + c] - a, moved = Math.floor((Math.abs(d) * step) / steps + u[i]);
      out.data[at + c] = d < 0 ? a - moved : d > 0 ? a + moved : a;
    }
    out.data[at + 3] = 255;
  }
  return out;
}

// Colours of the theme, for canvases.
let inks = null;
export const forgetInks = () => (inks = null);
export function themeInks() {
  if (inks) return inks;
  const probe = Object.assign(document.createElement("i"), { className: "probe" });
  document.body.append(probe);
  const css = getComputedStyle(probe), of = (c) => c.match(/[\d.]+/g).slice(0, 3).map(Number), colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  inks = { paper: of(css.backgroundColor), ink: of(css.color), classes: [1, 2, 3, 4, 5].map((i) => colour("c" + i)) };
  probe.remove();
  return inks;
}

// A map [h, w] of `maps` from paper (0) to ink (`top`), in either theme.
export function paintMap(canvas, maps, k, [high, wide], top) {
  canvas.width = wide;
  canvas.height = high;
  const pen = canvas.getContext("2d"), out = pen.createImageData(wide, high), area = wide * high, { paper, ink } = themeInks();
  for (let i = 0; i < area; i++) {
    const v = Math.min(1, Math.max(0, maps[k * area + i] / (top || 1)));
    for (let c = 0; c < 3; c++) out.data[4 * i + c] = paper[c] + v * (ink[c] - paper[c]);
    out.data[4 * i + 3] = 255;
  }
  pen.putImageData(out, 0, 0);
}
// Where the largest value of map k is, [x, y], away from the edge, where the network sees what is not there.
export function peakOf(maps, k, [high, wide]) {
  const area = high * wide, left = Math.floor(wide / 6), top = Math.floor(high / 6);
  let best = [left, top], most = -Infinity;
  for (let y = top; y < high - top; y++) for (let x = left; x < wide - left; x++) if (maps[k * area + y * wide + x] > most) [best, most] = [[x, y], maps[k * area + y * wide + x]];
  return best;
}
export function highest(maps, from = 0, to = maps.length) {
  let top = 1e-9;
  for (let i = from; i < to; i++) if (maps[i] > top) top = maps[i];
  return top;
}
