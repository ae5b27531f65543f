/** Which modifiers a variant has: `modifiers/hv/HV.yq`, then those of its platform. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';
import type { Modifier } from './render.ts';
import type { Variant } from './variants.ts';

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** Reads a modifier that was asked for by name. Throws E_COMPOSE if there is none. */
export async function readModifier(file: string): Promise<Modifier> {
  const text = await readFile(file, 'utf8').catch(async (cause: unknown) => {
    const names = (await readdir(dirname(file)).catch(() => [])).filter((name) => name.endsWith('.yq'));
    const meant = nearest(basename(file), names);
    throw new OsmithError('E_COMPOSE', `There is no modifier ${file}`, {
      cause,
      hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}${names.length > 0 ? `There are ${names.join(' ')}` : 'Its directory has none'}`,
    });
  });
  return { file, text };
}

/**
 * The modifiers of a variant. `kvm` and `generic` are what templates are written for: they need none. Any other hypervisor
 * or platform without a modifier is an error, unless the file of variants says that it needs none.
 */
export async function variantModifiers(
  images: string,
  { hv, platform }: Variant,
  { installer, plain }: { installer: boolean; plain: readonly string[] },
): Promise<Modifier[]> {
  const root = join(images, 'modifiers');
  const own = [
    { word: hv, isBase: hv === 'kvm', files: [join(root, 'hv', `${hv}.yq`)] },
    {
      word: platform,
      isBase: platform === 'generic',
      files: [
        ...(installer ? [join(root, 'platform', platform, 'installer.yq')] : []),
        join(root, 'platform', platform, `${platform}.yq`),
      ],
    },
  ];
  const modifiers: Modifier[] = [];
  for (const { word, isBase, files } of own) {
    const there: string[] = [];
    for (const file of files) if (await isFile(file)) there.push(file);
    if (there.length === 0 && !isBase && !plain.includes(word)) await readModifier(files.at(-1)!);
    for (const file of there) modifiers.push(await readModifier(file));
  }
  return modifiers;
}
