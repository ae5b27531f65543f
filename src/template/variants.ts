/** `images/variants.yml`: which architectures, platforms and hypervisors go together. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { checkValue } from '../compose/schema.ts';
import { parseYaml, whereOf } from '../compose/yaml.ts';
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';

const texts = z.array(z.string());

const schema = z.strictObject({
  /** By architecture. */
  arch: z.record(
    z.string(),
    z.strictObject({ platform: texts, hv: texts, default_hv: z.string().optional() }),
  ),
  /** Combinations that do not exist; each with all its values. */
  exclude: z
    .array(
      z.strictObject({ arch: z.string(), platform: z.string(), hv: z.string(), why: z.string() }).partial(),
    )
    .optional(),
  /** Hypervisors and platforms that change nothing in templates, so that they need no modifier. */
  plain: texts.optional(),
  /** References by name, by platform within an architecture: `ARCH/PLATFORM` or `ARCH`. */
  tags: z.record(z.string(), z.record(z.string(), z.string())).optional(),
});
type Variants = z.infer<typeof schema>;

export interface Variant {
  arch: string;
  hv: string;
  platform: string;
}

/** What may be left open. */
export interface Asked {
  arch: string;
  hv?: string | undefined;
  platform?: string | undefined;
}

function unsupported(
  what: string,
  knob: string,
  value: string,
  known: readonly string[],
  where: unknown,
): OsmithError {
  const meant = nearest(value, known);
  return new OsmithError('E_CONFIG', `Unsupported ${what} ${value} (${knob})`, {
    where: whereOf(where),
    hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}Allowed: ${known.join(', ')}`,
  });
}

/** The file, if there is one; without it everything goes together. */
export async function readVariants(file: string): Promise<Variants | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  return checkValue(schema, parseYaml(text, file), file, { code: 'E_CONFIG', page: 'docs/templates.md' });
}

/** Fills in what was left open. Throws E_CONFIG for what does not go together, with the allowed values and their place. */
export function checkVariant(variants: Variants | undefined, asked: Asked): Variant {
  const wanted = { arch: asked.arch, hv: asked.hv ?? 'kvm', platform: asked.platform ?? 'generic' };
  if (variants === undefined) return wanted;
  const known = variants.arch[wanted.arch];
  if (known === undefined)
    throw unsupported('architecture', 'ZARCH', wanted.arch, Object.keys(variants.arch), variants.arch);
  const hv = asked.hv ?? known.default_hv ?? (known.hv.includes('kvm') ? 'kvm' : known.hv[0]!);
  const variant = { ...wanted, hv };
  if (!known.hv.includes(hv)) throw unsupported('hypervisor', 'HV', hv, known.hv, known.hv);
  if (!known.platform.includes(variant.platform)) {
    throw unsupported(
      `combination of architecture ${wanted.arch} and platform`,
      'PLATFORM',
      variant.platform,
      known.platform,
      known.platform,
    );
  }
  const keys = ['arch', 'platform', 'hv'] as const;
  const without = variants.exclude?.find((each) =>
    keys.every((key) => each[key] === undefined || each[key] === variant[key]),
  );
  if (without === undefined) return variant;
  const words = keys.flatMap((key) => (without[key] === undefined ? [] : [`${key} ${without[key]}`]));
  throw new OsmithError('E_CONFIG', `There is no system with ${words.join(' and ')}`, {
    where: whereOf(without),
    hint:
      without.why ??
      `Change one of them; ${variant.arch} has the platforms ${known.platform.join(', ')} and the hypervisors ${known.hv.join(', ')}`,
  });
}

/** References that the file gives for a variant. */
export function variantTags(
  variants: Variants | undefined,
  { arch, platform }: Variant,
): Map<string, string> {
  const { tags = {} } = variants ?? {};
  return new Map([...Object.entries(tags[arch] ?? {}), ...Object.entries(tags[`${arch}/${platform}`] ?? {})]);
}

/** All variants that there are, for who builds each of them. */
export function allVariants({ arch, exclude = [] }: Variants): Variant[] {
  const all = Object.entries(arch).flatMap(([name, { platform, hv }]) =>
    platform.flatMap((each) => hv.map((one) => ({ arch: name, platform: each, hv: one }))),
  );
  const keys = ['arch', 'platform', 'hv'] as const;
  return all.filter(
    (variant) =>
      !exclude.some((each) => keys.every((key) => each[key] === undefined || each[key] === variant[key])),
  );
}
