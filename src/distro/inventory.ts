import type { InstalledPackage } from './types.ts';

/** Order of inventories. */
export function byName(a: InstalledPackage, b: InstalledPackage): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.arch < b.arch ? -1 : 1;
}
