// A search at the source: what its events say, gathered into the facts of a fooled photo.
import { now, setFound, source, tell } from "./now.js";

export const running = { search: null };

// Begins a search. What comes is told to `on(name, data)` after it has been gathered. Gives { facts, stop }.
export async function beginSearch(request, on) {
  const of = now.photo, facts = { photo: of, model: null, run: request.run, was: null, goal: request.target, tries: [], film: [], control: null, survival: [], request, fooled: false };
  const mine = (running.search = { facts, place: 0, stop: () => {}, isOver: false });
  const isShown = () => now.photo === of && now.found === facts;
  const { id, stop } = await source.attack(request, (name, data) => {
    if (running.search !== mine) return;
    if (name === "tries") facts.tries.push(...data);
    else if (name === "found") Object.assign(facts, data, { tries: facts.tries });
    else if (name === "film") facts.film = data;
    else if (name === "control") facts.control = data;
    else if (name === "survival") facts.survival.push(data);
    if (name === "done" || name === "failed") mine.isOver = true;
    on(name, data, mine);
    if (isShown() && (name === "control" || name === "survival")) tell(name);
  });
  Object.assign(mine, { id, stop });
  return mine;
}
export function keepFound(mine) {
  if (mine.facts.photo === now.photo) setFound(mine.facts, mine.id);
}
