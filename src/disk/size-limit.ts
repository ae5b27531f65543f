/** Limits of what is handed out: how much too large it is, and what makes it so. */
import { OsmithError } from '../errors.ts';
import type { Json } from '../plan/types.ts';

/** A part of what fills an image. */
export interface Part {
  path: string;
  /** Bytes. */
  size: number;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;
}

/** OSTree keeps systems some directories down. */
const DEPLOYMENT = /^ostree\/deploy\/[^/]+\/(deploy\/[^/]+|var)\//;
/** Deep enough to tell `usr/lib/modules` from `usr/lib/firmware`. */
const DEPTH = 3;
const SHOWN = 5;

/** Counts what directories hold; `usr/share/locale/de` counts for `usr/share/locale`. */
export function sizesOfParts(): { add: (path: string, size: number) => void; largest: () => Part[] } {
  const sizes = new Map<string, number>();
  return {
    add(path, size) {
      if (size === 0) return;
      const inside = path.replace(DEPLOYMENT, (_, which: string) => (which === 'var' ? 'var/' : ''));
      const part = inside.split('/').slice(0, DEPTH).join('/');
      sizes.set(part, (sizes.get(part) ?? 0) + size);
    },
    largest: () => largestOf([...sizes].map(([path, size]) => ({ path, size }))),
  };
}

export function largestOf(parts: readonly Part[]): Part[] {
  return parts.toSorted((a, b) => b.size - a.size).slice(0, SHOWN);
}

/** What a step tells about its contents, for `partsOf`. */
export function partsFact(parts: readonly Part[]): Record<string, Json> {
  return { largest: parts.map(({ path, size }) => ({ path, size })) };
}

/** The fact `largest` of a step. */
export function partsOf(facts: Record<string, Json>): Part[] {
  const { largest } = facts;
  return Array.isArray(largest) ? (largest as unknown as Part[]) : [];
}

/** Throws E_TOO_LARGE when `size` exceeds the limit, if there is one. */
export function checkLimit(
  what: string,
  size: number,
  limit: number | undefined,
  largest: readonly Part[],
  hint = 'Install less, exclude files from the image, leave less headroom, or raise the limit',
): void {
  if (limit === undefined || size <= limit) return;
  const contents = largest.map((part) => `${part.path} ${mebibytes(part.size)}`).join(', ');
  throw new OsmithError(
    'E_TOO_LARGE',
    `${what} is ${size} bytes (${mebibytes(size)}), ${size - limit} bytes above the limit of ${limit}` +
      (contents === '' ? '' : `; largest: ${contents}`),
    { hint },
  );
}
