// What the stations on layers share: what is known of them, and what is said where nothing is.
import { busyNote, note, wrongNote } from "./note.js";
import { insteadOf } from "./later.js";
import { fooled, model, now, source } from "./now.js";
import { word } from "./say.js";

// Whether the station has figures: not yet as long as the networks are being loaded, never where nothing is known of the layers.
export function hasRooms(id) {
  const known = model().layers.length > 0;
  insteadOf(id, known ? null : now.complete ? note("", word("g_net")) : busyNote("g_torch"));
  return known;
}
export const refusedRoom = (id) => (refusal) => insteadOf(id, wrongNote(refusal));

// Which picture is meant by "photo" or "changed".
export const pictureId = (which) => (which === "changed" && fooled() ? now.found.picture : now.photo.photo);
export const layersAt = (which) => source.layers(pictureId(which), now.run);
