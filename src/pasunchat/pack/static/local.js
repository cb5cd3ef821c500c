// Source: whoever knows what the network says. Here the page itself: a network that runs in it, and
// photos and falls that the program has prepared.
import { decoded, PhotoProblem } from "./decode.js";
import { controlOf, filmOf, likeliest, littleOf } from "./falling.js";
import { growthIn, layersIn, mapsIn, pushesIn, unitIn, votesIn } from "./inside.js";
import { forward, logitsOf, openNetwork, pixelsOf } from "./network.js";
import { shuffled } from "./noise.js";
import { grey, greyMaps, levelsAt, pictureOf } from "./local-pictures.js";
import { framed } from "./resample.js";
import { inSlices } from "./slices.js";
import { goalOf, sharesOf, sizeOf, turning } from "./turning.js";

const KEPT_VALUES = 3, WILSON = 1.959963984540054, GATHER = 100; // photos, of 95 %, ms
const PROBLEMS = { empty: "e_notimage", "too-big": "e_bytes", heic: "e_heic", "not-an-image": "e_notimage", damaged: "e_damaged", "too-large": "e_pixels" };

// HWC bytes of levels, channel by channel, and back.
const planesOf = (data) => { const area = data.length / 3; return Float32Array.from(data, (_, i) => data[3 * (i % area) + Math.floor(i / area)]); };
const bytesOf = (levels) => { const area = levels.length / 3; return Uint8Array.from(levels, (_, i) => levels[(i % 3) * area + Math.floor(i / 3)]); };
const unitsOf = (levels) => levels.map((v) => v / 255);

export function connect(start) {
  const { pack } = start, [model] = start.models, net = pack.network && openNetwork(pack.network);
  const photos = new Map(Object.entries(pack.photos)), falls = new Map(Object.entries(pack.falls)), values = new Map();
  let count = 0;

  const refuse = (key, more = {}) => { throw { key, values: more }; };
  const photoAt = (id) => photos.get(id) ?? refuse("g_expired");
  async function bytesAt(id) {
    const photo = photoAt(id);
    return (photo.data ??= await levelsAt(photo.seen));
  }
  // What the network did with a photo, for many questions.
  function valuesAt(id) {
    if (!values.has(id)) {
      if (values.size >= KEPT_VALUES) values.delete(values.keys().next().value);
      values.set(id, bytesAt(id).then((data) => inSlices(forward(net, pixelsOf(data)))));
    }
    return values.get(id);
  }
  // Of the test photos of which the network was as sure, how many it read rightly.
  function believe(p) {
    const bin = model.bins?.find(({ low, high }) => low <= p && (p < high || high >= 1));
    if (!bin || !bin.photos) return null;
    const { low, high, photos: n, right } = bin, share = right / n, z2 = WILSON ** 2, middle = (share + z2 / (2 * n)) / (1 + z2 / n), half = (WILSON * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    return { low, high, photos: n, right, interval: [middle - half, middle + half] };
  }
  async function answered(data, file, seen) {
    const id = `own-${++count}`, logits = [...(await inSlices(logitsOf(net, pixelsOf(data))))], probabilities = sharesOf(logits);
    const facts = { photo: id, file, seen, logits, probabilities, believe: believe(Math.max(...probabilities)), receipt: null };
    return { id, facts };
  }

  async function open(blob, name) {
    if (!net) refuse("pack_large");
    const photo = await decoded(blob).catch((problem) => {
      if (!(problem instanceof PhotoProblem)) throw problem;
      refuse(PROBLEMS[problem.reason], { name, size: `${Math.round(blob.size / 1e6)} MB`, n: Math.round((problem.pixels ?? 0) / 1e6) });
    });
    const { size, framing } = net, seen = await inSlices(framed(photo, size, framing, net.columns_first));
    const file = { name, width: photo.width, height: photo.height, kind: photo.kind, turned: false, frames: 1 };
    const { id, facts } = await answered(seen.data, file, { size, box: seen.box, framing });
    photos.set(id, { facts, data: seen.data, file: URL.createObjectURL(blob), seen: await pictureOf(seen.data, size) });
    return facts;
  }

  /* Layers. Of a network that does not run here they have been drawn beforehand. */
  async function layers(id) {
    return net ? layersIn(net, await valuesAt(id), pack.rooms) : photoAt(id).layers?.facts ?? [];
  }
  async function maps(id, run, name, before = false) {
    if (net) return mapsIn(net, await valuesAt(id), name, before);
    if (before) throw { key: "pack_unit", values: {}, fact: true };
    const { facts, atlases } = photoAt(id).layers;
    return greyMaps(await grey(atlases[name]), facts.find((one) => one.name === name));
  }
  async function unit(id, run, name, map, y, x) {
    if (!net) return null;
    return unitIn(net, await valuesAt(id), name, pack.rooms.find((room) => room.name === name)?.sees, map, y, x);
  }
  async function votes(id, run, target, other) {
    if (net) return inSlices(votesIn(net, pixelsOf(await bytesAt(id)), target, other));
    return photoAt(id).votes?.[`${target} ${other}`] ?? null;
  }

  /* A search: one that was made beforehand, or one of the page's own. */
  async function attack(request, on) {
    const { facts } = photoAt(request.photo), target = request.target ?? runnerUpIn(facts.probabilities);
    if (likeliest(facts.probabilities) === target) refuse("v_already");
    const made = [...falls].find(([, fall]) => isSame(fall.facts, { ...request, target }));
    if (made) return replayed(made[0], made[1], on);
    if (!net) refuse("pack_fall");
    if (request.norm !== "l2" || request.attack || request.survive) refuse("pack_search");
    const id = `fall-${++count}`, search = { isStopped: false };
    fallen(id, { ...request, target }, search, on).catch((error) => {
      on("failed", error.key ? error : { key: "e_unknown", values: { what: String(error) } });
    });
    return { id, stop: async () => { search.isStopped = true; } };
  }
  const isSame = ({ request, goal, photo }, asked) => photo.photo === asked.photo && goal === asked.target && ["confidence", "norm", "effort", "seed"].every((name) => request[name] === asked[name]) && !asked.attack && !asked.survive;
  async function replayed(id, fall, on) {
    const { facts } = fall, search = { isStopped: false };
    setTimeout(async () => {
      on("begun", { p: facts.probabilities.photo[facts.goal], goal: facts.goal, was: facts.was, questions_about: facts.questions });
      on("tries", facts.tries);
      const { film, control, survival } = facts, found = { ...facts, photo: photoAt(facts.photo.photo).facts, control: null, survival: [] };
      on("found", found);
      on("film", film);
      for (const one of survival) on("survival", one);
      if (net) await opened(fall);
      if (control) on("control", control);
      else if (net) await noised(fall, on);
      on("done", {});
    });
    return { id, stop: async () => { search.isStopped = true; } };
  }
  // A fall that was prepared, as numbers.
  async function opened(fall) {
    fall.levels ??= planesOf(await bytesAt(fall.facts.photo.photo));
    fall.found ??= planesOf(await bytesAt(fall.facts.picture));
    if (fall.random) fall.noise ??= planesOf(await levelsAt(fall.random));
  }
  // Random noise of the same size, beside it.
  async function noised(fall, on) {
    const { facts, levels } = fall;
    if (!facts.change.max) return;
    const { facts: control, pictures } = await inSlices(controlOf(net, levels, facts.change.typical, facts.goal, facts.seed));
    for (const [name, picture] of Object.entries(pictures)) fall[name] = await pictureOf(bytesOf(picture), net.size);
    fall.noise = pictures.random;
    on("control", (facts.control = control));
  }

  async function fallen(id, request, search, tell) {
    const photo = photoAt(request.photo), { target } = request, levels = planesOf(await bytesAt(request.photo)), before = photo.facts, tries = [], all = [];
    let told = 0;
    tell("begun", { p: before.probabilities[target], goal: target, was: likeliest(before.probabilities), questions_about: null });
    const heard = (one) => {
      tries.push(one);
      all.push(one);
      if (performance.now() < told + GATHER) return;
      told = performance.now();
      tell("tries", tries.splice(0));
    };
    const result = await inSlices(turning(net, levels, goalOf(target, request.confidence), request.effort, heard, () => search.isStopped));
    if (tries.length) tell("tries", tries.splice(0));
    const fall = await judged(id, request, photo, levels, result, search);
    tell("found", fall.facts);
    tell("film", (fall.facts.film = await inSlices(filmOf(net, levels, fall.found, target))));
    await noised(fall, tell);
    fall.facts.tries = all;
    tell("done", {});
  }
  // The picture is written as a PNG, opened again, and asked again.
  async function judged(id, request, photo, levels, { levels: found, isReached, isFlat, questions }, search) {
    const size = net.size, url = await pictureOf(bytesOf(found), size), data = await levelsAt(url), { id: picture, facts: after } = await answered(data, photo.facts.file, photo.facts.seen);
    photos.set(picture, { facts: after, data, file: url, seen: url });
    const { target } = request, now = likeliest(after.probabilities), change = changeOf(levels, planesOf(data));
    const facts = {
      status: search.isStopped ? "stopped" : isFlat ? "flat" : isReached ? "reached" : "not_reached",
      fooled: isReached && now === target, picture, was: likeliest(photo.facts.probabilities), goal: target, model: model.name, run: model.run, photo: photo.facts,
      logits: { photo: photo.facts.logits, changed: after.logits }, probabilities: { photo: photo.facts.probabilities, changed: after.probabilities },
      change, questions, seconds_limit: null, seed: request.seed, command: commandOf(request, photo.facts.file.name), request, receipt: false, survival: null,
    };
    const fall = { facts, levels, changed: url, found: planesOf(data) };
    falls.set(id, fall);
    return fall;
  }
  function commandOf({ target, confidence, effort, seed }, name) {
    const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`);
    const words = ["pasunchat fool", quoted(name), "--model", quoted(model.name), "--as", quoted(model.classes[target])];
    if (confidence !== 0.95) words.push("--confidence", confidence || "0.5");
    if (effort !== "normal") words.push("--effort", effort);
    if (seed) words.push("--seed", seed);
    return words.join(" ");
  }

  /* What is asked of a fall later. */
  function notFoundOut() {
    if (!net) throw { key: "pack_first", values: {}, fact: true };
  }
  async function once(id, name, compute) {
    const fall = falls.get(id) ?? refuse("g_expired");
    if (fall.facts[name] === undefined) fall.facts[name] = await compute(fall);
    return fall.facts[name];
  }
  async function why(id) {
    const { facts } = falls.get(id) ?? refuse("g_expired");
    if (facts.why !== undefined) return { why: facts.why, growth: facts.growth ?? null };
    notFoundOut();
    const fall = falls.get(id);
    if (net && !fall.noise) await opened(fall).then(() => fall.noise ?? noised(fall, () => {}));
    const { levels, found, noise } = fall;
    if (!noise) return { why: null, growth: null };
    const photo = unitsOf(levels);
    const both = {}, order = (n) => shuffled(n, 1);
    for (const [name, picture] of [["found", found], ["random", noise]]) both[name] = await inSlices(pushesIn(net, photo, unitsOf(picture), facts.goal, facts.was, order));
    const { before, after, complete } = both.found;
    facts.why = { before, after, complete, ...both };
    facts.growth = await inSlices(growthIn(net, photo, { found: unitsOf(found), random: unitsOf(noise) }, pack.rooms));
    return { why: facts.why, growth: facts.growth };
  }

  const files = { changed: (fall) => fall.changed, facts: (fall) => URL.createObjectURL(new Blob([JSON.stringify(fall.facts, null, 1)], { type: "application/json" })) };
  return {
    models: start.models,
    complete: async () => start.models,
    open,
    sample: async (name) => photoAt(`sample-${name}`).facts,
    ask: async (id) => photoAt(id).facts,
    url: (id, run, kind) => photoAt(id)[kind],
    layers, maps, unit, votes, attack, why,
    little: (id) => once(id, "little", async (fall) => {
      notFoundOut();
      await opened(fall);
      return inSlices(littleOf(net, fall.levels, fall.facts.goal));
    }),
    price: (id) => once(id, "price", () => []),
    others: (id) => once(id, "others", () => null),
    picture: (id, name) => (falls.get(id) ?? refuse("g_expired"))[name] ?? "",
    file: (id, name) => { const fall = falls.get(id); return fall && files[name] ? files[name](fall) : null; },
    offers: { norms: ["l2"], attacks: [["", "attack_best"]], survive: false },
  };
}

const runnerUpIn = (probabilities) => likeliest(probabilities.map((p, i) => (i === likeliest(probabilities) ? -1 : p)));

// How far the values moved, in levels of 255.
function changeOf(photo, changed) {
  const counts = [], area = photo.length / 3;
  let squares = 0, pixels = 0;
  for (let i = 0; i < photo.length; i++) {
    const moved = Math.abs(changed[i] - photo[i]);
    counts[moved] = (counts[moved] ?? 0) + 1;
    squares += moved * moved;
    if (i < area) pixels += [0, area, 2 * area].some((at) => changed[i + at] !== photo[i + at]);
  }
  const all = Array.from(counts, (n) => n ?? 0);
  return { max: all.length - 1, values: photo.length - all[0], pixels, still: all[0], total: photo.length, typical: sizeOf(photo, changed), l2: Math.sqrt(squares) / 255, counts: all };
}
