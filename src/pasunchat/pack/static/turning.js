// The program's own search, `turning`, for one photo in L2 on the 256 levels: a direction that turns,
// a length by Newton's method, then a line search. See attacks/methods/turning/ for its derivation.
// Everything is in levels, channel by channel; lengths are in pixels from 0 to 1, as there.
import { logitsOf, slopeAt } from "./network.js";

const MOST_LEVEL = 255, PLANE_LEFT = 0.15, CURVED_LEFT = 0.3, FIRST_GRADIENTS = 8, MORE_GRADIENTS = 40, MOST_USUAL = 40;
const BUDGETS = { quick: [8, 8, 8], normal: [8, 20, 40], thorough: [100, 100, 100] };
const WEIGHTS = [2, 0.02], LONG_WEIGHTS = [32, 0.005], MOMENTUM = 0.7;
const FIRST_GROWTH = 1, GROWTH = 0.3, FREE_GRADIENTS = 3, HELD_GROWTH = 0.05, FLAT = 1e-3, GRID_POWER = 3;
const GRID_QUERIES = 8, FRUITLESS_QUERIES = 12, DOUBLINGS = 24, NARROW = 1e-4, OVERSHOOT = 1.5, SHARE = 0.1;
const CORRECTIONS = 6, LENGTH_TOLERANCE = 0.01, ROUNDS_TO_ONE = 0.50001, MOST_CORRECTION = 4, POWERS = [0.3, 30];
const SURE = 2e-5, TINY_LENGTH = 1e-30;

const within = (v, low, high) => Math.min(high, Math.max(low, v));

export function sharesOf(logits) {
  const top = Math.max(...logits), powers = Array.from(logits, (z) => Math.exp(z - top)), sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

// How far inside the goal logits are, above 0 when it is reached, and the weights of its gradient.
// With a confidence c: z_t - logsumexp(others) - log(c / (1 - c)); else z_t - the largest other.
export function goalOf(target, confidence) {
  const othersOf = (logits) => Array.from(logits, (z, i) => (i === target ? -Infinity : z));
  const margin = (logits) => {
    const others = othersOf(logits), top = Math.max(...others);
    if (!confidence) return logits[target] - top;
    const rest = top + Math.log(others.reduce((sum, z) => sum + Math.exp(z - top), 0));
    return logits[target] - rest - Math.log(confidence / (1 - confidence));
  };
  const weights = (logits) => {
    const others = othersOf(logits), top = others.indexOf(Math.max(...others));
    const rest = confidence ? sharesOf(others) : others.map((_, i) => Number(i === top));
    return rest.map((w, i) => (i === target ? 1 : -w));
  };
  return { target, confidence, margin, weights };
}

// The change c = round(scale V), cut where it would leave the levels, and how far it goes along V.
function movedBy(photo, direction, scale) {
  const levels = new Float32Array(photo.length);
  let length = 0;
  for (let i = 0; i < photo.length; i++) {
    levels[i] = within(photo[i] + Math.round(direction[i] * scale), 0, MOST_LEVEL);
    length += (levels[i] - photo[i]) * direction[i];
  }
  return { levels, scale, length: length / MOST_LEVEL };
}

const scaleFor = (desired, { scale, length }, power) => scale * within((desired / Math.max(length, TINY_LENGTH)) ** (1 / power), 1 / MOST_CORRECTION, MOST_CORRECTION);

function powerBetween(one, two, otherwise) {
  const power = Math.log(two.length / one.length) / Math.log(two.scale / one.scale);
  return within(Number.isFinite(power) ? power : otherwise, ...POWERS);
}

// The change of a wanted length along V, within a hundredth, or the longest there is.
function ofLength(photo, direction, desired, scale, power) {
  let largest = 0;
  for (let i = 0; i < photo.length; i++) if (photo[i] !== (direction[i] > 0 ? MOST_LEVEL : 0)) largest = Math.max(largest, Math.abs(direction[i]));
  const least = largest > 0 ? ROUNDS_TO_ONE / largest : 0;
  let point = movedBy(photo, direction, Math.max(scale, least));
  for (let n = 0; n < CORRECTIONS && Math.abs(point.length - desired) > LENGTH_TOLERANCE * desired; n++) {
    const next = movedBy(photo, direction, Math.max(scaleFor(desired, point, power), least));
    power = powerBetween(point, next, power);
    point = next;
  }
  return { ...point, power };
}

const normOf = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
function unitOf(values) {
  const norm = normOf(values);
  return norm > 0 ? values.map((v) => v / norm) : values;
}
const plus = (a, b, times) => a.map((v, i) => v + times * b[i]);

const mostGrowth = (gradients) => (gradients <= FREE_GRADIENTS ? FIRST_GROWTH : GROWTH);
function newtonGrowth(along, margin, isFlat, gradients) {
  const most = mostGrowth(gradients);
  return within(isFlat ? -Math.sign(margin) : -margin / along, -most / (1 + most), most);
}
function weightOf(gradients, budget) {
  if (gradients === 1) return 1;
  const [first, last] = WEIGHTS, [longFirst, longLast] = LONG_WEIGHTS;
  if (budget > MOST_USUAL) return longFirst * (longLast / longFirst) ** ((gradients - 1) / budget);
  return last + ((first - last) * (1 + Math.cos((Math.PI * (gradients - 1)) / budget))) / 2;
}

const wholeLine = (margin) => ({ low: { length: 0, scale: 0, margin }, high: null, queries: 0 });

function begun(photo) {
  return { direction: null, turn: null, levels: photo, scale: 0, power: GRID_POWER, length: 0, firstMargin: 0, slope: 0, nearest: Infinity, closest: -Infinity, closestLength: 0, gradients: 0, budget: FIRST_GRADIENTS, line: wholeLine(0), isDone: false };
}

// Turn the direction, and set the length.
function gradientStep(s, photo, { margin, isReached, gradient }, effort) {
  const begins = s.gradients === 0;
  if (begins) s.firstMargin = Math.abs(margin);
  if (s.gradients === 1) {
    const left = Math.abs(margin) / s.firstMargin;
    s.budget = BUDGETS[effort][left < PLANE_LEFT ? 0 : left < CURVED_LEFT ? 1 : 2];
  }
  s.gradients++;
  if (!begins && isReached) s.nearest = Math.min(s.nearest, s.length);
  const steepest = normOf(gradient), most = mostGrowth(s.gradients), isCloser = margin > s.closest;
  let along = 0;
  for (let i = 0; i < photo.length; i++) along += ((s.levels[i] - photo[i]) / MOST_LEVEL) * gradient[i];
  const growth = newtonGrowth(along, margin, along < FLAT * steepest * s.length, s.gradients);
  const held = isCloser ? s.length : (1 + HELD_GROWTH) * s.closestLength;
  let length = begins ? -margin / steepest : s.length * (1 + growth);
  if (!begins && s.nearest === Infinity && growth >= most) length = Math.min(length, Math.max(isCloser ? (along - margin) / steepest : held, held));
  length = Math.min(length, s.nearest);
  const scale = begins ? length * MOST_LEVEL : (s.scale * length) / s.length;
  s.slope = begins ? steepest : along / s.length;
  if ((begins && steepest === 0) || !Number.isFinite(length)) return Object.assign(s, { isDone: true, isFlat: begins });
  const direction = turnedBy(s, unitOf(gradient));
  Object.assign(s, { turn: s.direction ? plus(direction, s.direction, -1) : direction, direction }, ofLength(photo, direction, length, scale, s.power));
  if (!begins) s.closest = Math.max(s.closest, margin);
  return Object.assign(s, { closestLength: held, line: wholeLine(-s.firstMargin) });
}
// In a long search it goes on turning as it has just turned.
function turnedBy(s, gradient) {
  const weight = weightOf(s.gradients, s.budget), direction = unitOf(s.direction ? plus(s.direction, gradient, weight) : gradient);
  return s.budget > MOST_USUAL && s.gradients > 2 ? unitOf(plus(direction, s.turn, MOMENTUM)) : direction;
}

// The scale to ask about next: between the longest change that did not reach and the shortest that did.
function nextScale({ low, high }, s, margin) {
  if (high !== null && low.length !== 0) return low.scale + within(low.margin / (low.margin - high.margin), SHARE, 1 - SHARE) * (high.scale - low.scale);
  const newton = s.length - (OVERSHOOT * margin) / Math.max(s.slope, Number.MIN_VALUE);
  return scaleFor(high === null ? within(newton, 1.01 * s.length, 2 * s.length) : within(newton, 0.5 * s.length, 0.99 * s.length), s, s.power);
}
function lineStep(s, photo, { margin, isReached }) {
  const here = { length: s.length, scale: s.scale, margin }, isLate = isReached && s.line.high === null && s.line.queries >= FRUITLESS_QUERIES;
  const line = { low: isReached ? s.line.low : here, high: isReached ? here : s.line.high, queries: isLate ? 0 : s.line.queries + 1 }, isOpen = line.high === null;
  let next = movedBy(photo, s.direction, nextScale(line, s, margin));
  const isRepeated = next.length === line.low.length || next.length === line.high?.length;
  const isClosed = isRepeated || (isOpen ? line.queries >= FRUITLESS_QUERIES : line.high.length - line.low.length < NARROW * line.high.length || line.queries >= GRID_QUERIES);
  const isFruitless = isClosed && isOpen && s.nearest === Infinity, more = isFruitless && s.budget < MORE_GRADIENTS;
  const isDoubled = isFruitless && !more && line.queries < FRUITLESS_QUERIES + DOUBLINGS;
  if (isDoubled) {
    next = movedBy(photo, s.direction, 2 * s.scale);
    line.queries = Math.max(line.queries, FRUITLESS_QUERIES);
  }
  if (more) Object.assign(s, { budget: MORE_GRADIENTS });
  return Object.assign(s, { power: powerBetween(s, next, s.power), line: { ...line, queries: more ? 0 : line.queries }, isDone: isClosed && !more && !isDoubled }, next);
}

export function sizeOf(photo, levels) {
  let sum = 0;
  for (let i = 0; i < photo.length; i++) sum += (levels[i] - photo[i]) ** 2;
  return Math.sqrt(sum / photo.length);
}

// The least change to `photo`, levels channel by channel, that reaches a goal. heard(try): each
// picture that was asked about. stopped: () -> whether to end with the best so far. Gives
// { levels, isReached, isFlat, questions }: of nothing that reached, the closest try.
export function* turning(net, photo, goal, effort, heard, stopped) {
  const best = { levels: photo, size: Infinity, margin: -Infinity };
  let s = begun(photo), questions = 0, scaleOfLogits = 0, tries = 0;
  while (!s.isDone && !stopped()) {
    const pixels = s.levels.map((v) => v / MOST_LEVEL), wants = s.gradients < s.budget;
    const asked = wants ? yield* slopeAt(net, pixels, goal.weights) : { logits: yield* logitsOf(net, pixels) };
    questions += wants ? 2 : 1;
    const largest = Math.max(...asked.logits.map(Math.abs));
    if (tries === 0) scaleOfLogits = largest;
    const margin = goal.margin(asked.logits), isReached = margin > SURE * Math.max(largest, scaleOfLogits), size = sizeOf(photo, s.levels), shares = sharesOf(asked.logits);
    heard({ i: tries++, p: shares[goal.target], size, reached: isReached, label: shares.indexOf(Math.max(...shares)) });
    const isBetter = isReached ? size < best.size : best.size === Infinity && size > 0 && margin > best.margin;
    if (isBetter) Object.assign(best, { levels: s.levels, size: isReached ? size : Infinity, margin });
    s = wants ? gradientStep(s, photo, { margin, isReached, gradient: asked.gradient }, effort) : lineStep(s, photo, { margin, isReached });
    yield;
  }
  return { levels: best.levels, isReached: best.size < Infinity, isFlat: Boolean(s.isFlat), questions };
}
