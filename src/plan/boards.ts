/** The firmware that a board needs on its disk, out of the system's tree, as the partition layout says. */
import type { Config } from '../config/index.ts';
import { LAYOUTS } from '../disk/layouts/index.ts';

export interface Firmware {
  /** For the step that takes them out of the tree: outputs to patterns. */
  files: Record<string, string>;
  sets: Record<string, string[]>;
  /** For the step that makes the disk: places on the EFI system partition to outputs of the other. */
  onEsp: { files?: Record<string, string>; sets?: Record<string, string> };
}

/** `inside` turns a path of the system into one of the tree that has it. Of machines that are no boards: nothing. */
export function boardFirmware(config: Config, inside: (path: string) => string): Firmware {
  const { firmware, blobs = [] } = LAYOUTS.get(config.get('image', 'layout')) ?? {};
  const files: Record<string, string> = {};
  for (const { input, source } of blobs) if (source !== undefined) files[input] = inside(source);
  if (firmware === undefined) return { files, sets: {}, onEsp: {} };
  const sets = Object.entries(firmware.directories).map(([directory, patterns]) => ({
    ...{ directory, patterns: patterns.map(inside) },
    name: directory === '.' ? 'firmware' : `firmware-${directory}`,
  }));
  for (const [target, pattern] of Object.entries(firmware.files)) files[target] = inside(pattern);
  return {
    files,
    sets: Object.fromEntries(sets.map(({ name, patterns }) => [name, patterns])),
    onEsp: {
      files: Object.fromEntries(Object.keys(firmware.files).map((target) => [target, target])),
      sets: Object.fromEntries(sets.map(({ name, directory }) => [directory, name])),
    },
  };
}
