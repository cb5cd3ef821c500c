// A photo's file as {width, height, data}: 3 bytes a pixel, upright, by the browser's decoder.

const MOST_BYTES = 20e6, MOST_PIXELS = 50e6;
const HEIC = ["heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"];
const KINDS = [["JPEG", [0xff, 0xd8, 0xff]], ["PNG", [0x89, 0x50, 0x4e, 0x47]], ["GIF", [0x47, 0x49, 0x46, 0x38]], ["BMP", [0x42, 0x4d]]];
const BAND = 256; // rows read at a time

const asciiOf = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

// What a file's first bytes say it is; null where nothing is known.
export function kindOf(bytes) {
  if (asciiOf(bytes, 4, 8) === "ftyp") return HEIC.includes(asciiOf(bytes, 8, 12)) ? "HEIC" : asciiOf(bytes, 8, 12).trim();
  if (asciiOf(bytes, 0, 4) === "RIFF" && asciiOf(bytes, 8, 12) === "WEBP") return "WEBP";
  const found = KINDS.find(([, begins]) => begins.every((byte, i) => bytes[i] === byte));
  return found ? found[0] : null;
}

export class PhotoProblem extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

// Throws PhotoProblem: empty, too-big, heic, not-an-image, damaged, too-large.
export async function decoded(blob) {
  if (blob.size === 0) throw new PhotoProblem("empty");
  if (blob.size > MOST_BYTES) throw new PhotoProblem("too-big");
  const head = new Uint8Array(await blob.slice(0, 16).arrayBuffer()), kind = kindOf(head);
  if (kind === "HEIC") throw new PhotoProblem("heic");
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new PhotoProblem(kind === null ? "not-an-image" : "damaged");
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    bitmap.close();
    throw new PhotoProblem("too-large");
  }
  const data = await overWhite(bitmap);
  bitmap.close();
  return { width, height, data, kind };
}

// What is transparent is laid over white.
async function overWhite(bitmap) {
  const { width, height } = bitmap, data = new Uint8Array(3 * width * height), band = Math.min(BAND, height);
  const canvas = Object.assign(document.createElement("canvas"), { width, height: band }), pen = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += band) {
    const rows = Math.min(band, height - top);
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, rows);
    pen.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows);
    const from = pen.getImageData(0, 0, width, rows).data;
    for (let i = 0, at = 3 * top * width; i < from.length; i += 4, at += 3) {
      data[at] = from[i];
      data[at + 1] = from[i + 1];
      data[at + 2] = from[i + 2];
    }
    await new Promise((go) => setTimeout(go));
  }
  return data;
}
