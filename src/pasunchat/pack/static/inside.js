// What the program's folder explain/ says of a network, said here of one that runs in the page:
// layers with what they hand on, one unit's sum, the last sum place by place, growth and pushes.
import { backwardTo, forward, forwardFrom, largestIn, logitsIn, logitsOf, mirrored, slopeAt, sumAt } from "./network.js";

const FOLLOWS = ["relu", "max", "mean", "scale"], POOLS = ["max", "mean"], TAIL = ["flatten", "dense", "whole-mean", "whole-max", "max", "mean", "join"];
const MOST_MAPS = 16, MOST_TERMS = 12, AIM = 1 / 4000, FIRST_PARTS = 16, MOST_PARTS = 256, WALK_PLACES = 101;

const areaOf = (shape) => (shape.length === 3 ? shape[1] * shape[2] : 1);

// A layer with the steps behind it that it goes through alone: [its step, ...].
function chainOf(net, name) {
  const first = net.steps.findIndex((step) => step.name === name), chain = [first];
  for (;;) {
    const value = chain.at(-1) + 1, readers = net.steps.flatMap((step, i) => (step.of.includes(value) ? [i] : []));
    const [next] = readers;
    if (readers.length !== 1 || !FOLLOWS.includes(net.steps[next].op) || areaOf(net.shapes[next + 1]) < 2) return chain;
    chain.push(next);
  }
}

// The maps that a page shows: all up to 16, else those of the largest mean.
function mapsShown(values, count) {
  const area = values.length / count, all = Array.from({ length: count }, (_, k) => k);
  if (count <= MOST_MAPS) return all;
  const means = all.map((k) => values.subarray(k * area, (k + 1) * area).reduce((a, b) => a + b, 0));
  return all.sort((a, b) => means[b] - means[a]).slice(0, MOST_MAPS).sort((a, b) => a - b);
}
function chosen(values, shown, area) {
  const out = new Float32Array(shown.length * area);
  shown.forEach((k, at) => out.set(values.subarray(k * area, (k + 1) * area), at * area));
  return out;
}

// Of the layers in `rooms` [{ name, ... }]: what is drawn beside their maps.
export function layersIn(net, values, rooms) {
  return rooms.map((room) => {
    const made = chainOf(net, room.name).at(-1) + 1, [channels, high, wide] = net.shapes[made], area = high * wide, shown = mapsShown(values[made], channels);
    const top = shown.map((k) => values[made].subarray(k * area, (k + 1) * area).reduce((a, b) => Math.max(a, b), 0));
    return { ...room, side: [high, wide], channels, shown, top };
  });
}

// The shown maps of a layer; before: those before pooling.
export function mapsIn(net, values, name, before) {
  const chain = chainOf(net, name), made = chain.at(-1) + 1, shown = mapsShown(values[made], net.shapes[made][0]);
  if (!before) return { side: net.shapes[made].slice(1), maps: chosen(values[made], shown, areaOf(net.shapes[made])) };
  const side = net.shapes[chain[0] + 1].slice(1);
  let maps = values[chain[0] + 1];
  for (const i of chain.slice(1)) if (!POOLS.includes(net.steps[i].op)) maps = pointwise(net, net.steps[i], maps, side[0] * side[1]);
  return { side, maps: chosen(maps, shown, side[0] * side[1]) };
}
function pointwise(net, step, maps, area) {
  const most = step.most ?? Infinity;
  if (step.op === "relu") return maps.map((v) => Math.min(most, Math.max(0, v)));
  return maps.map((v, i) => v * net.numbers[step.weight + Math.floor(i / area)] + net.numbers[step.bias + Math.floor(i / area)]);
}

// One unit of a layer's maps, taken apart. sees: [stride, offset, size] of those maps, or null.
export function unitIn(net, values, name, sees, map, y, x) {
  const chain = chainOf(net, name), [index] = chain, made = chain.at(-1) + 1, [, , wide] = net.shapes[made];
  const of = net.steps[index].op === "dense" ? [0, 0] : beforePooling(net, values, chain, map, y, x), { terms, bias } = sumAt(net, values, index, map, ...of);
  const sum = terms.reduce((total, t) => total + t.product, 0), isFirst = net.steps[index].of[0] === 0, isEach = net.steps[index].op === "conv" && net.steps[index].groups > 1 && net.steps[index].groups === net.shapes[net.steps[index].of[0]][0];
  const isWhole = isFirst || isEach || terms.length <= MOST_TERMS, shown = isWhole ? terms : [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, MOST_TERMS);
  if (isFirst && net.steps[index].op === "conv") for (const t of shown) t.map = net.channels[t.map];
  const rest = isWhole ? 0 : sum - shown.reduce((total, t) => total + t.product, 0), [stride, offset, size] = sees ?? [0, 0, net.size];
  return { terms: shown, rest, sum, bias, value: values[made][areaOf(net.shapes[made]) === 1 ? map : (map * net.shapes[made][1] + y) * wide + x], of, sees: [x * stride + offset, y * stride + offset, size] };
}
// Back through the poolings: at each, the place of the largest that was pooled.
function beforePooling(net, values, chain, map, y, x) {
  for (const i of [...chain].reverse()) {
    const step = net.steps[i];
    if (!POOLS.includes(step.op)) continue;
    const [, height, width] = net.shapes[step.of[0]], at = largestIn(net, step, values[step.of[0]], map, y, x) - map * height * width;
    [y, x] = [Math.floor(at / width), at % width];
  }
  return [y, x];
}

// The maps from which on all is one sum; null where there are none.
function lastMaps(net) {
  let dense = 0;
  const ends = new Set(), open = [net.steps.length];
  while (open.length) {
    const value = open.pop(), step = net.steps[value - 1];
    if (areaOf(net.shapes[value]) > 1) ends.add(value);
    else if (!step || !TAIL.includes(step.op)) return null;
    else {
      dense += step.op === "dense";
      open.push(...step.of);
    }
  }
  const [end] = ends;
  return ends.size === 1 && dense === 1 && end > 0 && net.steps.slice(0, end).some((step) => step.op === "conv") ? end : null;
}
function* looks(net, pixels) {
  const first = yield* forward(net, pixels);
  return net.mirrored ? [first, yield* forward(net, mirrored(pixels, net.size))] : [first];
}
// What each place of the last maps adds to logit[target] - logit[other].
export function* votesIn(net, pixels, target, other) {
  const end = lastMaps(net);
  if (end === null) return null;
  const all = yield* looks(net, pixels), [channels, high, wide] = net.shapes[end], area = high * wide, votes = new Float64Array(area), totals = logitsIn(all[0]).map(() => 0);
  const seed = totals.map((_, i) => (i === target) - (i === other));
  for (const [look, values] of all.entries()) {
    const slope = yield* backwardTo(net, values, seed, end);
    for (let k = 0; k < channels; k++) for (let i = 0; i < area; i++) {
      const at = look ? i - (i % wide) + wide - 1 - (i % wide) : i;
      votes[at] += (values[end][k * area + i] * slope[k * area + i]) / all.length;
    }
    logitsIn(values).forEach((z, i) => (totals[i] += z / all.length));
  }
  const empty = logitsIn(yield* forwardFrom(net, end, new Float32Array(channels * area)));
  return { side: [high, wide], votes: [...votes], bias: empty[target] - empty[other], totals: [...totals], lead: totals[target] - totals[other], mirror: net.mirrored };
}

// How much of the pixels, as the network gets them, and of each layer's maps has changed: L2 norms.
export function* growthIn(net, photo, pictures, rooms) {
  const was = yield* forward(net, photo), makes = rooms.map((room) => chainOf(net, room.name).at(-1) + 1), found = {};
  for (const [name, pixels] of Object.entries(pictures)) {
    const now = yield* forward(net, pixels);
    found[name] = [0, ...makes].map((value) => changeOf(was[value], now[value]));
  }
  return ["pixels", ...rooms.map((room) => room.name)].map((layer, i) => ({ layer, ...Object.fromEntries(Object.keys(pictures).map((name) => [name, found[name][i]])) }));
}
function changeOf(before, after) {
  let change = 0, whole = 0;
  for (let i = 0; i < before.length; i++) {
    change += (after[i] - before[i]) ** 2;
    whole += before[i] ** 2;
  }
  return whole ? Math.sqrt(change / whole) : null;
}

// Integrated gradients of logit[target] - logit[other] from a photo to a picture: what each changed
// value did. By the midpoint rule on parts of the way; those that do not add up are halved.
export function* pushesIn(net, photo, picture, target, other, orderOf) {
  const change = picture.map((v, i) => v - photo[i]), changed = [...change.keys()].filter((i) => change[i] !== 0);
  const at = (share) => (share === 1 ? picture : photo.map((v, i) => v + share * change[i])), seed = (logits) => logits.map((_, i) => (i === target) - (i === other));
  function* leadAt(share) {
    const logits = yield* logitsOf(net, at(share));
    return logits[target] - logits[other];
  }
  function* partOf(begin, end, low, high) {
    const { gradient } = yield* slopeAt(net, at((begin + end) / 2), seed), pushes = Float64Array.from(changed, (i) => (end - begin) * change[i] * gradient[i]);
    return { begin, end, low, high, pushes, error: pushes.reduce((a, b) => a + b, 0) - (high - low) };
  }
  const leads = [], parts = [];
  for (let k = 0; k <= FIRST_PARTS; k++) leads.push(yield* leadAt(k / FIRST_PARTS));
  for (let k = 0; k < FIRST_PARTS; k++) parts.push(yield* partOf(k / FIRST_PARTS, (k + 1) / FIRST_PARTS, leads[k], leads[k + 1]));
  const before = leads[0], after = leads[FIRST_PARTS], wrong = () => Math.abs(parts.reduce((sum, part) => sum + part.error, 0));
  while (wrong() > AIM * Math.abs(after - before) && parts.length < MOST_PARTS) {
    parts.sort((a, b) => Math.abs(b.error) - Math.abs(a.error));
    const { begin, end, low, high } = parts.shift(), middle = (begin + end) / 2, lead = yield* leadAt(middle);
    parts.push(yield* partOf(begin, middle, low, lead), yield* partOf(middle, end, lead, high));
  }
  const pushes = new Float64Array(changed.length);
  for (const part of parts) part.pushes.forEach((v, i) => (pushes[i] += v));
  const total = pushes.reduce((a, b) => a + b, 0);
  return {
    before, after, total,
    toward: pushes.reduce((n, v) => n + (v > 0), 0),
    away: pushes.reduce((n, v) => n + (v < 0), 0),
    changed: changed.length,
    walk: walkOf(pushes, orderOf(pushes.length)),
    complete: Math.abs(total - (after - before)) <= 1e-3 * Math.abs(after - before),
  };
}
// The running sum in a drawn order, at 101 places from none to all.
function walkOf(pushes, order) {
  const walk = [];
  let sum = 0, done = 0;
  for (let k = 0; k < WALK_PLACES; k++) {
    for (const until = Math.round((k * pushes.length) / (WALK_PLACES - 1)); done < until; done++) sum += pushes[order[done]];
    walk.push(sum);
  }
  return walk;
}
