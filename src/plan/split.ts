/** Systems on two disks: directories of /var that are on the second one (`image.split_dirs`), and what makes that. */
import type { Config } from '../config/index.ts';
import { extraLayout } from '../disk/layouts/desktop.ts';
import { OsmithError, type Where } from '../errors.ts';
import { disk2Formats, type MakeStep } from './disk-formats.ts';
import type { LimitOf } from './limits.ts';
import type { Output } from './outputs.ts';
import type { Json, Step, StepInput } from './types.ts';

/** Formats that would hold half a system. */
const WHOLE = ['iso', 'ova', 'ovf.zip'];

function refuse(config: Config, option: string, message: string, hint: string, word?: string): never {
  throw new OsmithError('E_CONFIG', message, { where: config.where('image', option, word), hint });
}

function checkDirectory(config: Config, path: string, others: readonly string[]): void {
  const fail = (why: string) =>
    refuse(
      config,
      'split_dirs',
      `image.split_dirs: ${path} ${why}`,
      'Name directories below /var, such as /var/lib/flatpak',
      path,
    );
  if (!path.startsWith('/')) fail('is no absolute path');
  if (!path.startsWith('/var/')) fail('cannot be on the second disk: all but /var belongs to the commit');
  if (!/^(\/(?!\.{1,2}(\/|$))[\w.@+-]+)+$/.test(path)) fail('is no plain path');
  const other = others.find((each) => path === each || path.startsWith(`${each}/`));
  if (other !== undefined) fail(path === other ? 'is named twice' : `is in ${other} already`);
}

/** Empty for systems on one disk. Throws E_CONFIG when they cannot be split so. */
export function splitDirectories(config: Config): string[] {
  const directories = config.list('image', 'split_dirs');
  if (directories.length === 0) return [];
  if (config.get('image', 'system') !== 'ostree') {
    const hint = 'Take it away, or set image.system = ostree';
    refuse(config, 'split_dirs', 'image.split_dirs is for systems that are deployed from a commit', hint);
  }
  for (const [index, path] of directories.entries()) {
    checkDirectory(config, path, [...directories.slice(0, index), ...directories.slice(index + 1)]);
  }
  const formats = config.list('image', 'formats');
  const half = formats.find((format) => WHOLE.includes(format));
  if (half !== undefined) {
    const message = `image.formats: ${half} holds one disk, and image.split_dirs makes two`;
    refuse(config, 'formats', message, `Take ${half} or image.split_dirs away`, half);
  }
  if (!formats.some((format) => format.startsWith('disk2.'))) {
    const message = 'image.split_dirs is set, but no image.formats would hold the second disk';
    refuse(config, 'split_dirs', message, 'Add one, such as disk2.raw');
  }
  return directories;
}

export interface Split {
  steps: Step[];
  outputs: [string, Output][];
  /** The tree of the first disk. */
  rest: StepInput;
}

export interface SplitRequest {
  config: Config;
  arch: string;
  name: string;
  step: MakeStep;
  limit: LimitOf;
  /** Where the tree has the directory above `/var`. */
  root: string;
  tree: StepInput;
}

/** The steps of the second disk; undefined for systems on one. */
export function splitSteps({ config, arch, name, step, limit, root, tree }: SplitRequest): Split | undefined {
  const directories = splitDirectories(config);
  if (directories.length === 0) return undefined;
  const places = directories.map((path): [string, Where | undefined] => [
    path,
    config.where('image', 'split_dirs', path),
  ]);
  const origins = Object.fromEntries(
    places.filter((place): place is [string, Where] => place[1] !== undefined),
  );
  const from = (made: Step, output: string): StepInput => ({ step: made.id, output });
  const off = { ...step('split-off', 'split-off', { root, directories }, { root: tree }), origins };
  const extra = from(off, 'tree');
  const rest = step('split-rest', 'split-rest', { root, directories }, { base: tree, extra });
  const filesystem = step(
    'extra',
    'filesystem',
    {
      ...{ format: 'ext4', label: 'extra', headroom: config.size('image', 'split_headroom') },
      percent: config.int('image', 'headroom_percent'),
    },
    { root: extra },
  );
  const disk = step(
    'disk2',
    'disk',
    {
      ...{ layout: extraLayout as unknown as Json, arch, system: 'none', bios: false },
      ...limit('disk2.raw'),
    },
    { extra: from(filesystem, 'image') },
  );
  const further = disk2Formats({ config, name, step, raw: from(disk, 'raw'), limit });
  return {
    steps: [off, rest, filesystem, disk, ...further.steps],
    outputs: [['disk2.raw', { extension: 'disk2.raw', from: from(disk, 'raw') }], ...further.outputs],
    rest: from(rest, 'tree'),
  };
}
