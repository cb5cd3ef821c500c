// Pillow's bicubic resize in 8 bits, and the program's framing, to the bit.
// Source: Pillow, src/libImaging/Resample.c (precompute_coeffs, bicubic_filter with a = -0.5,
// normalize_coeffs_8bpc): two passes, each rounded to 8 bits.
// A picture is {width, height, data}: 3 bytes a pixel, row by row.

const CUBIC = -0.5, FILTER_REACH = 2, FIXED_BITS = 22; // 32 - 8 bits of a value - 2 for overshoot
const ROWS_A_PART = 16;

const cubic = (x) => {
  const away = Math.abs(x);
  if (away < 1) return ((CUBIC + 2) * away - (CUBIC + 3)) * away * away + 1;
  return away < FILTER_REACH ? (((away - 5) * away + 8) * away - 4) * CUBIC : 0;
};

// For each of `output` places along an axis: the first pixel that counts, and the fixed-point
// weights of those from there on.
function filterWeights(length, start, end, output) {
  const scale = (end - start) / output, stretch = Math.max(scale, 1), reach = FILTER_REACH * stretch;
  return Array.from({ length: output }, (_, place) => {
    const centre = start + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(length, Math.trunc(centre + reach + 0.5));
    const each = [];
    for (let at = first; at < last; at++) each.push(cubic((at - centre + 0.5) * (1 / stretch)));
    const sum = each.reduce((a, b) => a + b, 0);
    const fixed = each.map((w) => {
      const whole = (sum === 0 ? w : w / sum) * 2 ** FIXED_BITS;
      return Math.trunc(whole < 0 ? whole - 0.5 : whole + 0.5);
    });
    return { first, fixed: Int32Array.from(fixed) };
  });
}

// A pass over each row, and one over each column: to `size` pixels, of those from `start` to `end`.
function* resizedAcross({ width, height, data }, start, end, size) {
  const places = filterWeights(width, start, end, size), out = new Uint8Array(3 * size * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const { first, fixed } = places[x];
      for (let c = 0; c < 3; c++) {
        let sum = HALF, at = 3 * (y * width + first) + c;
        for (let k = 0; k < fixed.length; k++, at += 3) sum += data[at] * fixed[k];
        out[3 * (y * size + x) + c] = levelOf(sum);
      }
    }
    if (y % ROWS_A_PART === ROWS_A_PART - 1) yield;
  }
  return { width: size, height, data: out };
}

function* resizedDown({ width, height, data }, start, end, size) {
  const places = filterWeights(height, start, end, size), row = 3 * width, out = new Uint8Array(row * size);
  for (let y = 0; y < size; y++) {
    const { first, fixed } = places[y];
    for (let x = 0; x < row; x++) {
      let sum = HALF, at = first * row + x;
      for (let k = 0; k < fixed.length; k++, at += row) sum += data[at] * fixed[k];
      out[y * row + x] = levelOf(sum);
    }
    if (y % ROWS_A_PART === ROWS_A_PART - 1) yield;
  }
  return { width, height: size, data: out };
}

const HALF = 2 ** (FIXED_BITS - 1);
const levelOf = (sum) => Math.min(255, Math.max(0, sum >> FIXED_BITS));

// The part of a picture from (left, top) to (right, bottom), whole pixels, as width x height.
// columnsFirst: Pillow from 13 on passes over the columns first where a picture loses much more
// height than width.
export function* resized(picture, width, height, [left, top, right, bottom], columnsFirst) {
  const across = picture.width !== width || left !== 0 || right !== width, down = picture.height !== height || top !== 0 || bottom !== height;
  const turned = columnsFirst && picture.height - height > Math.max(0, 2 * (picture.width - width));
  let now = picture;
  if (down && turned) now = yield* resizedDown(now, top, bottom, height);
  if (across) now = yield* resizedAcross(now, left, right, width);
  if (down && !turned) now = yield* resizedDown(now, top, bottom, height);
  return now;
}

// Python's round: halves to the even neighbour.
const roundEven = (x) => {
  const below = Math.floor(x), rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
};

// A picture as the square of `size` pixels that a classifier is given, and where the photo lies in
// it. pad: scaled to fit, edge pixels repeated. crop: the middle square, scaled. squash: stretched.
export function* framed(picture, size, framing, columnsFirst) {
  const { width, height } = picture;
  if (framing === "pad") {
    const scale = size / Math.max(width, height);
    const across = Math.max(1, roundEven(width * scale)), down = Math.max(1, roundEven(height * scale));
    const part = yield* resized(picture, across, down, [0, 0, width, height], columnsFirst);
    return padded(part, size);
  }
  let part = [0, 0, width, height];
  if (framing === "crop") {
    const side = Math.min(width, height), left = Math.floor((width - side) / 2), top = Math.floor((height - side) / 2);
    part = [left, top, left + side, top + side];
  }
  return { ...(yield* resized(picture, size, size, part, columnsFirst)), box: [0, 0, size, size] };
}

function padded({ width, height, data }, size) {
  const top = Math.floor((size - height) / 2), left = Math.floor((size - width) / 2), square = new Uint8Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    const from = 3 * width * Math.min(height - 1, Math.max(0, y - top));
    for (let x = 0; x < size; x++) {
      const at = from + 3 * Math.min(width - 1, Math.max(0, x - left)), to = 3 * (y * size + x);
      square[to] = data[at];
      square[to + 1] = data[at + 1];
      square[to + 2] = data[at + 2];
    }
  }
  return { width: size, height: size, data: square, box: [left, top, left + width, top + height] };
}
