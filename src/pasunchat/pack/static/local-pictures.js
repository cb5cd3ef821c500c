// Pictures as addresses, and addresses as numbers, without loss.

// 3 bytes a pixel of a picture.
export async function levelsAt(url) {
  const { width, height, data } = await drawn(url), levels = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) levels[3 * i + c] = data[4 * i + c];
  return levels;
}
// One grey picture, RGBA.
export const grey = (url) => drawn(url);
async function drawn(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight }), pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}
// A square picture of 3 bytes a pixel as the address of a PNG.
export async function pictureOf(data, size) {
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size }), pen = canvas.getContext("2d"), out = pen.createImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) out.data[4 * i + c] = data[3 * i + c];
    out.data[4 * i + 3] = 255;
  }
  pen.putImageData(out, 0, 0);
  return URL.createObjectURL(await new Promise((go) => canvas.toBlob(go, "image/png")));
}
// Maps drawn side by side as grey: a value is the map's largest times its grey / 255.
export function greyMaps({ width, height, data }, { shown, top }) {
  const count = shown.length, wide = width / count, maps = new Float32Array(width * height);
  for (let k = 0, i = 0; k < count; k++) for (let y = 0; y < height; y++) for (let x = 0; x < wide; x++, i++) maps[i] = (top[k] * data[4 * (y * width + k * wide + x)]) / 255;
  return { side: [height, wide], maps };
}
