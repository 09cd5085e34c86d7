// Masks as outlines: the rims of a mask's parts, followed along the sides of its pixels, and thinned. Pure.

// `mask` has 1 where a pixel belongs to it, row by row. Outer outlines, clockwise on the screen, as [x, y] in pixels of
// the mask; holes are filled. Parts that touch at a corner alone are separate.
export function outlinesOf(mask, width, height) {
  const isIn = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
  const stride = width + 1;
  const next = new Map(); // from a corner of pixels to those that the rim goes on to, with the mask on the right
  const add = (x0, y0, x1, y1) => {
    const from = y0 * stride + x0;
    if (next.has(from)) next.get(from).push(y1 * stride + x1);
    else next.set(from, [y1 * stride + x1]);
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (mask[y * width + x] !== 1) continue;
      if (!isIn(x, y - 1)) add(x, y, x + 1, y);
      if (!isIn(x + 1, y)) add(x + 1, y, x + 1, y + 1);
      if (!isIn(x, y + 1)) add(x + 1, y + 1, x, y + 1);
      if (!isIn(x - 1, y)) add(x, y + 1, x, y);
    }
  }
  const rings = [];
  for (const start of next.keys()) {
    while (next.get(start)?.length) {
      const ring = ringFrom(start, next, stride);
      if (signedArea(ring) > 0) rings.push(ring);
    }
  }
  return rings;
}

function ringFrom(start, next, stride) {
  const place = (id) => [id % stride, Math.floor(id / stride)];
  const ring = [];
  let [at, direction] = [start, null];
  do {
    const ways = next.get(at);
    const chosen = ways.length === 1 || direction === null ? 0 : ways.findIndex((to) => isRightTurn(direction, to - at, stride));
    const [to] = ways.splice(Math.max(chosen, 0), 1);
    if (to - at !== direction) ring.push(place(at));
    direction = to - at;
    at = to;
  } while (at !== start);
  return ring;
}

// Directions as differences of ids: right 1, down stride, left -1, up -stride.
function isRightTurn(before, after, stride) {
  const order = [1, stride, -1, -stride];
  return order.indexOf(after) === (order.indexOf(before) + 1) % 4;
}

// Positive where the ring runs clockwise on the screen.
export function signedArea(ring) {
  let twice = 0;
  ring.forEach(([x, y], n) => {
    const [nextX, nextY] = ring[(n + 1) % ring.length];
    twice += x * nextY - nextX * y;
  });
  return twice / 2;
}

// The ring without points that lie within `most` of the line beside them (Douglas and Peucker 1973), from the two that
// are farthest apart.
export function thinned(ring, most) {
  if (ring.length <= 4) return ring;
  const far = farthestFrom(ring, ring[0]);
  const keep = new Set([0, far]);
  const stack = [[0, far], [far, ring.length]];
  while (stack.length > 0) {
    const [from, to] = stack.pop();
    let [worst, at] = [most, -1];
    for (let n = from + 1; n < to; n += 1) {
      const distance = toSegment(ring[n], ring[from], ring[to % ring.length]);
      if (distance > worst) [worst, at] = [distance, n];
    }
    if (at < 0) continue;
    keep.add(at);
    stack.push([from, at], [at, to]);
  }
  return ring.filter((_, n) => keep.has(n));
}

function farthestFrom(ring, [x, y]) {
  let [best, at] = [-1, 0];
  ring.forEach(([px, py], n) => {
    const distance = Math.hypot(px - x, py - y);
    if (distance > best) [best, at] = [distance, n];
  });
  return at;
}

function toSegment([x, y], [ax, ay], [bx, by]) {
  const squared = (bx - ax) ** 2 + (by - ay) ** 2;
  const t = squared ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared, 0), 1) : 0;
  return Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y);
}
