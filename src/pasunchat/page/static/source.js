// Source: whoever knows what the network says. Here the program, by requests to where the page came from.

// Everything is asked through what this gives back. Refusals are thrown as { key, values }, keys of the table of words.
export function connect(start) {
  const meta = document.querySelector("meta[name=token]");
  let token = meta ? meta.content : "", lost = () => {}, begun = null;
  const atlases = new Map(), facts = new Map();

  async function reach(path, options) {
    let answer;
    try { answer = await fetch(path, options); } catch (error) {
      if (error.name === "AbortError") throw error;
      lost();
      throw { key: "g_gone", values: {} };
    }
    if (answer.ok) return answer;
    const refusal = await answer.json().catch(() => ({ key: `${answer.status}`, values: {} }));
    throw { ...refusal, values: { ...refusal.values, ...(refusal.after_s === undefined ? {} : { s: refusal.after_s }) }, status: answer.status };
  }
  const read = async (path) => (await reach(path)).json();
  const send = (path, body = null, headers = {}) => reach(path, { method: "POST", body, headers: { "X-Pasunchat-Token": token, ...headers } });
  const of = (photo, run, rest) => `/photo/${encodeURIComponent(photo)}${rest}?run=${encodeURIComponent(run)}`;

  // The same answer is asked for once.
  function once(path) {
    if (!facts.has(path)) {
      if (facts.size > 60) facts.delete(facts.keys().next().value);
      const found = read(path);
      found.catch(() => facts.delete(path));
      facts.set(path, found);
    }
    return facts.get(path);
  }

  async function grey(url) {
    const picture = await createImageBitmap(await (await reach(url)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height), pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(picture, 0, 0);
    return pen.getImageData(0, 0, picture.width, picture.height);
  }
  async function atlas(photo, run, name, before) {
    const layer = (await source.layers(photo, run)).find((one) => one.name === name), [h, side] = layer.side;
    const image = await grey(of(photo, run, `/layers/${encodeURIComponent(name)}.png`) + (before ? "&before=pool" : ""));
    const top = before ? layer.top_unpooled : layer.top, count = layer.shown.length, w = image.width / count, high = image.height, maps = new Float32Array(count * high * w);
    for (let k = 0, i = 0; k < count; k++) for (let y = 0; y < high; y++) for (let x = 0; x < w; x++, i++) maps[i] = (top[k] * image.data[4 * (y * image.width + k * w + x)]) / 255;
    return { side: before ? [high, w] : [h, side], maps };
  }

  // Listens to what a job says, until its last event.
  function heard(path, id, names, on) {
    const events = new EventSource(`${path}/events`);
    for (const name of names) events.addEventListener(name, (e) => {
      if (name === "done" || name === "failed") events.close();
      on(name, JSON.parse(e.data));
    });
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED) on("failed", { key: "g_gone", values: {} });
      source.alive().catch(() => {});
    };
    return { id, stop: () => send(`${path}/stop`).catch(() => {}) };
  }

  const source = {
    models: start.models,
    complete: () => read("/models"),
    open: async (blob, name, run) => (await send(`/photo?run=${encodeURIComponent(run)}`, blob, { "X-Pasunchat-Name": encodeURIComponent(name) })).json(),
    sample: async (name, run) => (await send(`/sample/${encodeURIComponent(name)}?run=${encodeURIComponent(run)}`)).json(),
    ask: async (photo, run) => (await send(of(photo, run, "/ask"))).json(),
    url: (photo, run, kind) => of(photo, run, kind === "file" ? "/file.webp" : "/seen.png"),
    layers: (photo, run) => once(of(photo, run, "/layers")),
    maps(photo, run, name, before = false) {
      const key = [photo, run, name, before].join(" ");
      if (!atlases.has(key)) {
        if (atlases.size > 40) atlases.delete(atlases.keys().next().value);
        const found = atlas(photo, run, name, before);
        found.catch(() => atlases.delete(key));
        atlases.set(key, found);
      }
      return atlases.get(key);
    },
    unit: (photo, run, layer, map, y, x) => once(of(photo, run, "/unit") + `&layer=${encodeURIComponent(layer)}&map=${map}&y=${y}&x=${x}`),
    votes: (photo, run, target, other) => once(of(photo, run, "/votes") + `&target=${target}&other=${other}`),
    async attack(request, on) {
      const { attack } = await (await send("/attack", JSON.stringify(request), { "Content-Type": "application/json" })).json();
      return heard(`/attack/${encodeURIComponent(attack)}`, attack, ["place", "begun", "tries", "found", "film", "control", "survival", "model", "done", "failed"], on);
    },
    async prove(photo, run, on) {
      const { proof } = await (await send(of(photo, run, "/proof"))).json();
      return heard(`/proof/${encodeURIComponent(proof)}`, proof, ["place", "begun", "so_far", "found", "done", "failed"], on);
    },
    why: (id) => once(`/attack/${id}/why`),
    little: (id) => once(`/attack/${id}/little`),
    price: (id) => once(`/attack/${id}/price`),
    others: (id) => once(`/attack/${id}/others`),
    picture: (id, name) => `/attack/${id}/${name}.png`,
    file: (id, name) => `/attack/${id}/${{ changed: "changed.png", film: "film.webp", facts: "facts.json", report: `report.html?lang=${start.lang}` }[name]}`,

    // Whether the program is there; where it was started anew, the token of that start is taken.
    async alive() {
      const { started } = await read("/health");
      const anew = begun !== null && begun !== started;
      if (anew) {
        const text = await (await reach(location.pathname + location.search)).text();
        token = new DOMParser().parseFromString(text, "text/html").querySelector("meta[name=token]")?.content ?? "";
        facts.clear();
        atlases.clear();
      }
      begun = started;
      return { anew };
    },
    onLost: (then) => (lost = then),
  };
  return source;
}
