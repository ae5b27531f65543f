/** Squarified treemaps (Bruls, Huizing, van Wijk 2000): areas as near to squares as they can be. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The worst ratio of sides in a row of areas along a side. */
function worst(areas: readonly number[], side: number): number {
  const sum = areas.reduce((all, area) => all + area, 0);
  return Math.max((side ** 2 * Math.max(...areas)) / sum ** 2, sum ** 2 / (side ** 2 * Math.min(...areas)));
}

/** Cuts a box into one for each value, in proportion. The values are above 0, largest first. */
export function squarify(values: readonly number[], box: Box): Box[] {
  const total = values.reduce((all, value) => all + value, 0);
  const areas = values.map((value) => (value * box.width * box.height) / total);
  const boxes: Box[] = [];
  let rest = box;
  let next = 0;
  while (next < areas.length) {
    const side = Math.min(rest.width, rest.height);
    let count = 1;
    while (
      next + count < areas.length &&
      worst(areas.slice(next, next + count + 1), side) <= worst(areas.slice(next, next + count), side)
    ) {
      count += 1;
    }
    const row = areas.slice(next, next + count);
    const thickness = row.reduce((all, area) => all + area, 0) / side;
    const upright = rest.width >= rest.height;
    let along = upright ? rest.y : rest.x;
    for (const area of row) {
      const length = area / thickness;
      boxes.push(
        upright
          ? { x: rest.x, y: along, width: thickness, height: length }
          : { x: along, y: rest.y, width: length, height: thickness },
      );
      along += length;
    }
    rest = upright
      ? { ...rest, x: rest.x + thickness, width: Math.max(0, rest.width - thickness) }
      : { ...rest, y: rest.y + thickness, height: Math.max(0, rest.height - thickness) };
    next += count;
  }
  return boxes;
}
