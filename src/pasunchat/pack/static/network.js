// A network in plain typed arrays: forward, its gradient, single sums.
// Made of steps that the program wrote down (pack/weights.py). Value 0 is the normalised input,
// value i + 1 what step i gives; each a Float32Array, channel by channel, row by row.
// What takes long is a generator that yields every few milliseconds, so that no task blocks.

export function openNetwork(description) {
  const bytes = Uint8Array.from(atob(description.numbers), (c) => c.charCodeAt(0));
  const numbers = new Float32Array(bytes.buffer);
  const { size } = description;
  return { ...description, numbers, shapes: [[3, size, size], ...description.steps.map((s) => s.shape)] };
}

const countOf = (shape) => shape.reduce((a, b) => a * b, 1);
const numbersOf = (net, at, count) => net.numbers.subarray(at, at + count);

// Pixels of a picture, 3 bytes each, in [0, 1], channel by channel.
export function pixelsOf(data) {
  const area = data.length / 3, pixels = new Float32Array(data.length);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) pixels[c * area + i] = data[3 * i + c] / 255;
  return pixels;
}

export function mirrored(values, side) {
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += side) for (let x = 0; x < side; x++) out[row + x] = values[row + side - 1 - x];
  return out;
}

function normalised(net, pixels) {
  const area = net.size * net.size, out = new Float32Array(pixels.length);
  for (let c = 0; c < 3; c++) {
    const from = net.channels[c], scale = net.scale[c], shift = net.shift[c];
    for (let i = 0; i < area; i++) out[c * area + i] = pixels[from * area + i] * scale + shift;
  }
  return out;
}

// All values of a network for pixels [3, size, size] in [0, 1]; the last are its logits.
export function* forward(net, pixels) {
  return yield* forwardFrom(net, 0, normalised(net, pixels));
}
// The values behind value `begin`, which is given; those before it are missing.
export function* forwardFrom(net, begin, value) {
  const values = [];
  values[begin] = value;
  for (let i = begin; i < net.steps.length; i++) values[i + 1] = yield* OPS[net.steps[i].op].forward(net, net.steps[i], values, net.shapes[i + 1]);
  return values;
}

export const logitsIn = (values) => Float64Array.from(values[values.length - 1]);

// Logits; where the classifier says so, the mean over the pixels and their mirror image.
export function* logitsOf(net, pixels) {
  const plain = logitsIn(yield* forward(net, pixels));
  if (!net.mirrored) return plain;
  const other = logitsIn(yield* forward(net, mirrored(pixels, net.size)));
  return plain.map((v, k) => (v + other[k]) / 2);
}

// Logits, and the gradient by the pixels of what `seed` (logits -> weights of the logits) sums up.
export function* slopeAt(net, pixels, seed) {
  const values = yield* forward(net, pixels);
  if (!net.mirrored) {
    const logits = logitsIn(values);
    return { logits, gradient: yield* backward(net, values, seed(logits)) };
  }
  const others = yield* forward(net, mirrored(pixels, net.size)), far = logitsIn(others);
  const logits = logitsIn(values).map((v, k) => (v + far[k]) / 2), weights = seed(logits).map((w) => w / 2);
  const gradient = yield* backward(net, values, weights), back = mirrored(yield* backward(net, others, weights), net.size);
  for (let i = 0; i < gradient.length; i++) gradient[i] += back[i];
  return { logits, gradient };
}

// The gradient by the pixels.
function* backward(net, values, seed) {
  const slope = yield* backwardTo(net, values, seed, 0), area = net.size * net.size, out = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) out[net.channels[c] * area + i] = slope[c * area + i] * net.scale[c];
  return out;
}
// The gradient by value `until`.
export function* backwardTo(net, values, seed, until) {
  const slopes = values.map(() => null);
  slopes[values.length - 1] = Float32Array.from(seed);
  for (let i = net.steps.length - 1; i >= until; i--) {
    if (slopes[i + 1] === null) continue;
    const step = net.steps[i], backs = yield* OPS[step.op].backward(net, step, values, slopes[i + 1]);
    step.of.forEach((at, k) => (slopes[at] = slopes[at] === null ? backs[k] : summed(slopes[at], backs[k])));
    slopes[i + 1] = null;
  }
  return slopes[until];
}

function summed(a, b) {
  const out = new Float32Array(a);
  for (let i = 0; i < a.length; i++) out[i] += b[i];
  return out;
}

// A convolution reads its input from a copy with zeros around it. Its weights are [outputs,
// inputs / groups, rows, columns].
function geometryOf(net, step, shape) {
  const [channels, height, width] = net.shapes[step.of[0]], [top, left] = step.padding, [rows, columns] = step.kernel;
  const [outputs, high, wide] = shape, inputs = channels / step.groups;
  return { channels, height, width, top, left, rows, columns, outputs, high, wide, inputs, each: outputs / step.groups, across: width + 2 * left, down: height + 2 * top };
}

function withBorder(values, g) {
  if (!g.top && !g.left) return values;
  const out = new Float32Array(g.channels * g.down * g.across);
  for (let c = 0; c < g.channels; c++) for (let y = 0; y < g.height; y++) {
    const from = (c * g.height + y) * g.width;
    out.set(values.subarray(from, from + g.width), (c * g.down + y + g.top) * g.across + g.left);
  }
  return out;
}

// Two maps at once of a kernel of 3 x 3 and stride 1, so that each input is read once for both.
function addNine(one, two, input, from, g, u, v) {
  const [u0, u1, u2, u3, u4, u5, u6, u7, u8] = u, [v0, v1, v2, v3, v4, v5, v6, v7, v8] = v, row = g.across;
  for (let y = 0; y < g.high; y++) {
    let p = from + y * row, to = y * g.wide;
    let a0 = input[p], a1 = input[p + 1], b0 = input[p + row], b1 = input[p + row + 1], c0 = input[p + 2 * row], c1 = input[p + 2 * row + 1];
    for (const end = to + g.wide; to < end; to++, p++) {
      const a2 = input[p + 2], b2 = input[p + row + 2], c2 = input[p + 2 * row + 2];
      one[to] += u0 * a0 + u1 * a1 + u2 * a2 + u3 * b0 + u4 * b1 + u5 * b2 + u6 * c0 + u7 * c1 + u8 * c2;
      two[to] += v0 * a0 + v1 * a1 + v2 * a2 + v3 * b0 + v4 * b1 + v5 * b2 + v6 * c0 + v7 * c1 + v8 * c2;
      a0 = a1; a1 = a2; b0 = b1; b1 = b2; c0 = c1; c1 = c2;
    }
  }
}

// One map, any kernel and stride, one weight at a time.
function addTaps(out, input, from, g, stride, weights, at) {
  for (let dy = 0; dy < g.rows; dy++) for (let dx = 0; dx < g.columns; dx++) {
    const w = weights[at++];
    for (let y = 0; y < g.high; y++) {
      let p = from + (y * stride[0] + dy) * g.across + dx, to = y * g.wide;
      for (const end = to + g.wide; to < end; to++, p += stride[1]) out[to] += w * input[p];
    }
  }
}

function* convolved(net, step, values, shape) {
  const g = geometryOf(net, step, shape), area = g.high * g.wide, taps = g.rows * g.columns, plane = g.down * g.across;
  const input = withBorder(values[step.of[0]], g), out = new Float32Array(countOf(shape)), weights = numbersOf(net, step.weight, g.outputs * g.inputs * taps);
  const square = g.rows === 3 && g.columns === 3 && step.stride[0] === 1 && step.stride[1] === 1;
  for (let o = 0; o < g.outputs; o++) out.fill(net.numbers[step.bias + o], o * area, (o + 1) * area);
  for (let o = 0; o < g.outputs; o++) {
    const first = Math.floor(o / g.each) * g.inputs, pair = square && o + 1 < g.outputs && (o + 1) % g.each !== 0;
    for (let c = 0; c < g.inputs; c++) {
      const at = (o * g.inputs + c) * taps, from = (first + c) * plane, one = out.subarray(o * area, (o + 1) * area);
      if (pair) {
        const other = at + g.inputs * taps, two = out.subarray((o + 1) * area, (o + 2) * area);
        addNine(one, two, input, from, g, weights.subarray(at, at + taps), weights.subarray(other, other + taps));
      } else addTaps(one, input, from, g, step.stride, weights, at);
      yield;
    }
    if (pair) o++;
  }
  return out;
}

// The gradient is 0 in most places behind a relu and a maximum, so it is scattered from the others.
function* convolvedBack(net, step, values, slope) {
  const shape = net.shapes[net.steps.indexOf(step) + 1], g = geometryOf(net, step, shape), area = g.high * g.wide, taps = g.rows * g.columns, plane = g.down * g.across;
  const back = new Float32Array(g.channels * plane), places = new Int32Array(area), heights = new Float64Array(area), weights = numbersOf(net, step.weight, g.outputs * g.inputs * taps);
  for (let o = 0; o < g.outputs; o++) {
    let count = 0;
    for (let y = 0; y < g.high; y++) for (let x = 0; x < g.wide; x++) {
      const height = slope[o * area + y * g.wide + x];
      if (height === 0) continue;
      places[count] = y * step.stride[0] * g.across + x * step.stride[1];
      heights[count++] = height;
    }
    const first = Math.floor(o / g.each) * g.inputs;
    for (let c = 0; c < g.inputs; c++) {
      scatter(back, (first + c) * plane, g, weights, (o * g.inputs + c) * taps, places, heights, count);
      yield;
    }
  }
  return [withoutBorder(back, g)];
}

function scatter(back, from, g, weights, at, places, heights, count) {
  for (let dy = 0; dy < g.rows; dy++) for (let dx = 0; dx < g.columns; dx++) {
    const w = weights[at++], to = from + dy * g.across + dx;
    for (let n = 0; n < count; n++) back[to + places[n]] += w * heights[n];
  }
}

function withoutBorder(values, g) {
  if (!g.top && !g.left) return values;
  const out = new Float32Array(g.channels * g.height * g.width);
  for (let c = 0; c < g.channels; c++) for (let y = 0; y < g.height; y++) {
    const from = (c * g.down + y + g.top) * g.across + g.left;
    out.set(values.subarray(from, from + g.width), (c * g.height + y) * g.width);
  }
  return out;
}

function* dense(net, step, values, shape) {
  const input = values[step.of[0]], count = input.length, out = new Float32Array(shape[0]);
  for (let o = 0; o < shape[0]; o++) {
    const w = numbersOf(net, step.weight + o * count, count);
    let sum = net.numbers[step.bias + o];
    for (let i = 0; i < count; i++) sum += w[i] * input[i];
    out[o] = sum;
    yield;
  }
  return out;
}

function* denseBack(net, step, values, slope) {
  const count = values[step.of[0]].length, back = new Float32Array(count);
  for (let o = 0; o < slope.length; o++) {
    const w = numbersOf(net, step.weight + o * count, count), height = slope[o];
    if (height !== 0) for (let i = 0; i < count; i++) back[i] += w[i] * height;
    yield;
  }
  return [back];
}

// Where the largest value of a pool lies, the first of equal ones.
export function largestIn(net, step, input, c, y, x) {
  const [, height, width] = net.shapes[step.of[0]], y0 = y * step.stride[0] - step.padding[0], x0 = x * step.stride[1] - step.padding[1];
  let best = -1;
  for (let yy = Math.max(0, y0); yy < Math.min(height, y0 + step.kernel[0]); yy++) for (let xx = Math.max(0, x0); xx < Math.min(width, x0 + step.kernel[1]); xx++) {
    const at = (c * height + yy) * width + xx;
    if (best < 0 || input[at] > input[best]) best = at;
  }
  return best;
}

function* maxPooled(net, step, values, [channels, high, wide]) {
  const input = values[step.of[0]], out = new Float32Array(channels * high * wide), [, height, width] = net.shapes[step.of[0]];
  const halves = [...step.kernel, ...step.stride].every((n) => n === 2) && !step.padding[0] && !step.padding[1];
  for (let c = 0; c < channels; c++) {
    if (halves) halve(input.subarray(c * height * width), width, out.subarray(c * high * wide), high, wide);
    else for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) out[(c * high + y) * wide + x] = input[largestIn(net, step, input, c, y, x)];
    yield;
  }
  return out;
}

// The largest of each 2 x 2 of a map.
function halve(input, width, out, high, wide) {
  for (let y = 0, to = 0; y < high; y++) for (let x = 0, at = 2 * y * width; x < wide; x++, at += 2, to++) {
    const a = input[at], b = input[at + 1], c = input[at + width], d = input[at + width + 1], ab = a < b ? b : a, cd = c < d ? d : c;
    out[to] = ab < cd ? cd : ab;
  }
}

function* maxPooledBack(net, step, values, slope) {
  const input = values[step.of[0]], [channels, high, wide] = net.shapes[net.steps.indexOf(step) + 1], back = new Float32Array(input.length);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
      const height = slope[(c * high + y) * wide + x];
      if (height !== 0) back[largestIn(net, step, input, c, y, x)] += height;
    }
    yield;
  }
  return [back];
}

function* meanPooled(net, step, values, [channels, high, wide]) {
  const input = values[step.of[0]], [, height, width] = net.shapes[step.of[0]], [rows, columns] = step.kernel, out = new Float32Array(channels * high * wide);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
      let sum = 0;
      for (let dy = 0; dy < rows; dy++) for (let dx = 0; dx < columns; dx++) sum += input[(c * height + y * step.stride[0] + dy) * width + x * step.stride[1] + dx];
      out[(c * high + y) * wide + x] = sum / (rows * columns);
    }
    yield;
  }
  return out;
}

function* meanPooledBack(net, step, values, slope) {
  const [, height, width] = net.shapes[step.of[0]], [channels, high, wide] = net.shapes[net.steps.indexOf(step) + 1], [rows, columns] = step.kernel;
  const back = new Float32Array(values[step.of[0]].length);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
      const part = slope[(c * high + y) * wide + x] / (rows * columns);
      for (let dy = 0; dy < rows; dy++) for (let dx = 0; dx < columns; dx++) back[(c * height + y * step.stride[0] + dy) * width + x * step.stride[1] + dx] += part;
    }
    yield;
  }
  return [back];
}

// Over a whole map: one number a channel.
function* wholeMean(net, step, values, [channels]) {
  const input = values[step.of[0]], area = input.length / channels, out = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c * area; i < (c + 1) * area; i++) sum += input[i];
    out[c] = sum / area;
  }
  yield;
  return out;
}

function* wholeMeanBack(net, step, values, slope) {
  const back = new Float32Array(values[step.of[0]].length), area = back.length / slope.length;
  slope.forEach((height, c) => back.fill(height / area, c * area, (c + 1) * area));
  yield;
  return [back];
}

function* wholeMax(net, step, values, [channels]) {
  const input = values[step.of[0]], area = input.length / channels, out = new Float32Array(channels).fill(-Infinity);
  for (let i = 0; i < input.length; i++) out[Math.floor(i / area)] = Math.max(out[Math.floor(i / area)], input[i]);
  yield;
  return out;
}

// Equal largest values share the gradient, as torch's amax has it.
function* wholeMaxBack(net, step, values, slope) {
  const input = values[step.of[0]], area = input.length / slope.length, back = new Float32Array(input.length);
  for (let c = 0; c < slope.length; c++) {
    const map = input.subarray(c * area, (c + 1) * area), top = map.reduce((a, b) => Math.max(a, b), -Infinity), share = slope[c] / map.reduce((n, v) => n + (v === top), 0);
    map.forEach((v, i) => { if (v === top) back[c * area + i] = share; });
  }
  yield;
  return [back];
}

function* rectified(net, step, values) {
  const most = step.most ?? Infinity;
  yield;
  return values[step.of[0]].map((v) => (v > 0 ? Math.min(v, most) : 0));
}

function* rectifiedBack(net, step, values, slope) {
  const input = values[step.of[0]], most = step.most ?? Infinity;
  yield;
  return [slope.map((height, i) => (input[i] > 0 && input[i] < most ? height : 0))];
}

// Each channel times a number plus another: a batch norm that follows no convolution.
function* scaled(net, step, values, shape) {
  const area = countOf(shape) / shape[0];
  yield;
  return values[step.of[0]].map((v, i) => v * net.numbers[step.weight + Math.floor(i / area)] + net.numbers[step.bias + Math.floor(i / area)]);
}

function* scaledBack(net, step, values, slope) {
  const area = slope.length / net.shapes[step.of[0]][0];
  yield;
  return [slope.map((height, i) => height * net.numbers[step.weight + Math.floor(i / area)])];
}

function* joined(net, step, values, shape) {
  const out = new Float32Array(countOf(shape));
  let at = 0;
  for (const from of step.of) { out.set(values[from], at); at += values[from].length; }
  yield;
  return out;
}

function* joinedBack(net, step, values, slope) {
  let at = 0;
  yield;
  return step.of.map((from) => slope.slice(at, (at += values[from].length)));
}

function* unchanged(net, step, values) { yield; return values[step.of[0]]; }
function* unchangedBack(net, step, values, slope) { yield; return [slope]; }
function* added(net, step, values) { yield; return summed(values[step.of[0]], values[step.of[1]]); }
function* addedBack(net, step, values, slope) { yield; return [slope, slope]; }

const OPS = {
  conv: { forward: convolved, backward: convolvedBack },
  dense: { forward: dense, backward: denseBack },
  relu: { forward: rectified, backward: rectifiedBack },
  max: { forward: maxPooled, backward: maxPooledBack },
  mean: { forward: meanPooled, backward: meanPooledBack },
  "whole-mean": { forward: wholeMean, backward: wholeMeanBack },
  "whole-max": { forward: wholeMax, backward: wholeMaxBack },
  scale: { forward: scaled, backward: scaledBack },
  flatten: { forward: unchanged, backward: unchangedBack },
  add: { forward: added, backward: addedBack },
  join: { forward: joined, backward: joinedBack },
};

// The sum of one unit of a convolution or a dense layer, product by product. Of a convolution dy
// and dx are the place in its kernel; outside of the map a value is 0.
export function sumAt(net, values, index, map, y, x) {
  const step = net.steps[index], input = values[step.of[0]], bias = net.numbers[step.bias + map], terms = [];
  if (step.op === "dense") {
    for (let i = 0; i < input.length; i++) terms.push(term(i, 0, 0, input[i], net.numbers[step.weight + map * input.length + i]));
    return { terms, bias };
  }
  const g = geometryOf(net, step, net.shapes[index + 1]), first = Math.floor(map / g.each) * g.inputs;
  for (let c = 0; c < g.inputs; c++) for (let dy = 0; dy < g.rows; dy++) for (let dx = 0; dx < g.columns; dx++) {
    const yy = y * step.stride[0] + dy - g.top, xx = x * step.stride[1] + dx - g.left, inside = yy >= 0 && yy < g.height && xx >= 0 && xx < g.width;
    const value = inside ? input[((first + c) * g.height + yy) * g.width + xx] : 0;
    terms.push(term(first + c, dy, dx, value, net.numbers[step.weight + ((map * g.inputs + c) * g.rows + dy) * g.columns + dx]));
  }
  return { terms, bias };
}

const term = (map, dy, dx, value, weight) => ({ map, dy, dx, value, weight, product: value * weight });
