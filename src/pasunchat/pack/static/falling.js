// What is found out of a changed picture in the page: how it falls, whether random noise would do,
// how little would be enough. Pictures are levels, channel by channel.
import { logitsOf, slopeAt } from "./network.js";
import { withNoise } from "./noise.js";
import { grain } from "./pixels.js";
import { goalOf, sharesOf, sizeOf } from "./turning.js";

const FRAMES = 28, DRAWS = 8, TIMES = 32, STRONG_DRAWS = 4, LEVELS = [1, 2, 3, 4], STEPS = 12, DECAY = 0.75;

const inUnits = (levels) => levels.map((v) => v / 255);
export function* sharesAt(net, levels) {
  return sharesOf(yield* logitsOf(net, inUnits(levels)));
}
export const likeliest = (shares) => shares.indexOf(Math.max(...shares));

// Each frame, asked about: [[size, p of the goal, answer], ...]. After a share s of the way each
// value has moved by floor(s |change| + its grain), as the page draws it.
export function* filmOf(net, photo, changed, target) {
  const area = photo.length / 3, film = [];
  for (let step = 0; step <= FRAMES; step++) {
    const levels = photo.map((v, i) => {
      const d = changed[i] - v, c = Math.floor(i / area);
      return d ? v + Math.sign(d) * Math.floor((Math.abs(d) * step) / FRAMES + grain(3 * (i - c * area) + c)) : v;
    });
    const shares = yield* sharesAt(net, levels);
    film.push([sizeOf(photo, levels), shares[target], likeliest(shares), [...shares]]);
  }
  return film;
}

// Random noise of the same size, and of 32 times the size. Gives the facts and one picture of each.
export function* controlOf(net, photo, size, target, seed) {
  const facts = { draws: [], labels: [], times32: [], labels32: [] }, pictures = {};
  for (const [name, times, draws, p, labels] of [["random", 1, DRAWS, "draws", "labels"], ["random32", TIMES, STRONG_DRAWS, "times32", "labels32"]]) {
    for (let draw = 0; draw < draws; draw++) {
      const levels = yield* withNoise(photo, times * size, 1000 * seed + 100 * (times > 1) + draw), shares = yield* sharesAt(net, levels);
      pictures[name] ??= levels;
      facts[p].push(shares[target]);
      facts[labels].push(likeliest(shares));
    }
  }
  return { facts, pictures };
}

// How sure of the goal it becomes where every value may move by at most so many levels: the best of
// a dozen steps along the gradient's signs, with momentum.
export function* littleOf(net, photo, target) {
  const goal = goalOf(target, 0), start = yield* sharesAt(net, photo), rows = [{ levels: 0, p: start[target], label: likeliest(start) }];
  for (const most of LEVELS) rows.push(yield* withinLevels(net, photo, goal, most));
  return rows;
}
function* withinLevels(net, photo, goal, most) {
  const change = new Float32Array(photo.length), drift = new Float32Array(photo.length);
  let best = { levels: most, p: -1, label: null };
  for (let step = 0; step <= STEPS; step++) {
    const levels = photo.map((v, i) => Math.min(255, Math.max(0, v + Math.round(change[i])))), { logits, gradient } = yield* slopeAt(net, inUnits(levels), goal.weights), shares = sharesOf(logits);
    if (shares[goal.target] > best.p) best = { levels: most, p: shares[goal.target], label: likeliest(shares) };
    const whole = gradient.reduce((sum, g) => sum + Math.abs(g), 0) || 1, far = step ? most / 2 : most;
    for (let i = 0; i < change.length; i++) {
      drift[i] = DECAY * drift[i] + gradient[i] / whole;
      change[i] = Math.min(most, Math.max(-most, change[i] + far * Math.sign(drift[i])));
    }
  }
  return best;
}
