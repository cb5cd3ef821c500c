// Work in slices: a generator is run for some milliseconds at a time, then the page has its turn.

const SLICE = 8; // milliseconds
const turns = new MessageChannel(), waiting = [];
turns.port1.onmessage = () => waiting.shift()();

const nextTurn = () => new Promise((go) => { waiting.push(go); turns.port2.postMessage(0); });

// What a generator returns in the end. stopped: () -> whether to leave it; then undefined.
export async function inSlices(work, stopped = () => false) {
  for (let end = performance.now() + SLICE; ; ) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() < end) continue;
    await nextTurn();
    if (stopped()) return undefined;
    end = performance.now() + SLICE;
  }
}
