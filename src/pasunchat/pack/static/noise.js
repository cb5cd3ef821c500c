// Random noise, each number a function of a seed: the same page gives the same noise.

function* uniforms(seed) { // Wellons' lowbias32 over a counter
  for (let i = Math.imul(seed + 1, 0x9e3779b9); ; i = (i + 1) | 0) {
    let x = Math.imul(i ^ (i >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    yield ((x ^ (x >>> 16)) >>> 0) / 4294967296;
  }
}

// Normal numbers (Box and Muller).
export function gaussians(count, seed) {
  const from = uniforms(seed), out = new Float32Array(count), next = () => from.next().value;
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

// A drawn order of 0 ... count - 1 (Fisher and Yates).
export function shuffled(count, seed) {
  const order = Int32Array.from({ length: count }, (_, i) => i), from = uniforms(seed);
  for (let i = count - 1; i > 0; i--) {
    const k = Math.floor(from.next().value * (i + 1));
    [order[i], order[k]] = [order[k], order[i]];
  }
  return order;
}

const HALVINGS = 20;

// A photo's levels with noise of a root mean square as nearly `size` as the levels allow.
export function* withNoise(photo, size, seed) {
  const noise = gaussians(photo.length, seed), moved = (scale) => photo.map((v, i) => Math.min(255, Math.max(0, Math.round(v + scale * noise[i]))));
  const typical = (levels) => Math.sqrt(levels.reduce((sum, v, i) => sum + (v - photo[i]) ** 2, 0) / photo.length);
  let low = 0, high = 255;
  for (let n = 0; n < HALVINGS; n++) {
    const middle = (low + high) / 2;
    if (typical(moved(middle)) < size) low = middle;
    else high = middle;
    yield;
  }
  return moved(high);
}
