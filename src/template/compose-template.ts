/** From a template file and a variant to a composition. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { OsmithError } from '../errors.ts';
import { readModifier, variantModifiers } from './modifiers.ts';
import { renderTemplate, tagNames } from './render.ts';
import { packageTags } from './tags.ts';
import { checkVariant, readVariants, variantTags, type Asked, type Variant } from './variants.ts';
import { versionFlags } from './version.ts';

export interface TemplateRequest extends Asked {
  dev?: boolean | undefined;
  /** In place of the flags of the knobs: a full version, of which the words behind the commit count. */
  version?: string | undefined;
  /** Further modifiers, after those of the variant. */
  modifiers: readonly string[];
  /** References in place of those of packages, by name. */
  tags: ReadonlyMap<string, string>;
  /** Directories of packages; by default `pkg` beside the template's directory. */
  packages: readonly string[];
  hash?: string | undefined;
  org?: string | undefined;
}

export interface Rendered {
  text: string;
  variant: Variant;
  /** What the names in it stand for. */
  tags: Map<string, string>;
}

/** Where packages are, seen from a template. */
export function packageRoots(file: string, given: readonly string[]): string[] {
  return given.length > 0 ? given.map((each) => resolve(each)) : [resolve(dirname(file), '../pkg')];
}

/** Throws E_CONFIG for a variant that there is not, E_COMPOSE for what is wrong with template and modifiers, E_PKG. */
export async function renderFile(file: string, request: TemplateRequest): Promise<Rendered> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OsmithError('E_COMPOSE', `Cannot read ${file}: ${(cause as Error).message}`, { cause });
  });
  const images = dirname(file);
  const variants = await readVariants(join(images, 'variants.yml'));
  const variant = checkVariant(variants, request);
  const installer = basename(file).startsWith('installer');
  const own = await variantModifiers(images, variant, { installer, plain: variants?.plain ?? [] });
  const modifiers = [...own, ...(await Promise.all(request.modifiers.map(readModifier)))];
  const knobs = [...(variant.hv === 'k' ? ['k'] : []), ...(request.dev ? ['dev'] : [])];
  const flags = request.version === undefined ? knobs : versionFlags(request.version);
  const names = tagNames([text, ...modifiers.map((each) => each.text)].join('\n'));
  const { hash, org } = request;
  const packages = { roots: packageRoots(file, request.packages), platform: variant.platform, hash, org };
  const found = await packageTags(packages, names, flags);
  const tags = new Map([...found.tags, ...variantTags(variants, variant), ...request.tags]);
  const variables = { hv: variant.hv, platform: variant.platform, flags, tags, known: found.known };
  const used = new Map([...tags].filter(([name]) => found.tags.has(name) || names.includes(name)));
  return { text: renderTemplate(text, file, modifiers, variables), variant, tags: used };
}
