/** The file that describes a package. Every key is known. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { checkValue, containerConfig, type ContainerConfig } from '../compose/schema.ts';
import { parseYaml, whereOf } from '../compose/yaml.ts';
import { isSystemError, OsmithError } from '../errors.ts';

const texts = z.array(z.string());

/** Go's reader takes the words of YAML 1.1 where a truth value is wanted; others keep them as words. */
const TRUTH = new Map<unknown, boolean>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', true].map((word): [unknown, boolean] => [word, true]),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', false].map((word): [unknown, boolean] => [
    word,
    false,
  ]),
]);
const flag = z.custom<unknown>((value) => TRUTH.has(value), 'Invalid input: expected yes or no');

const buildFile = z.strictObject({
  image: z.string().min(1),
  org: z.string().min(1).optional(),
  tag: z.string().min(1).optional(),
  dockerfile: z.string().min(1).optional(),
  arches: texts.optional(),
  'extra-sources': texts.optional(),
  gitrepo: z.string().optional(),
  network: flag.optional(),
  'disable-cache': flag.optional(),
  /** Of old versions; means nothing. */
  'disable-content-trust': flag.optional(),
  config: containerConfig.optional(),
  buildArgs: texts.optional(),
  depends: z
    .strictObject({
      'docker-images': z
        .strictObject({ target: z.string(), 'target-dir': z.string(), list: texts, 'from-file': z.string() })
        .partial(),
    })
    .partial()
    .optional(),
});
export type RawBuildFile = z.infer<typeof buildFile>;

/** Images that are put into a package's context as archives. */
export interface ImageDepends {
  /** One archive for all, or a directory of one for each. */
  target: string;
  perImage: boolean;
  list: string[];
}

export interface BuildFile {
  /** The file, for messages. */
  file: string;
  /** What `whereOf` knows places of. */
  raw: RawBuildFile;
  image: string;
  org: string;
  tag: string;
  dockerfile: string;
  arches: string[];
  /** `SOURCE:DESTINATION`, relative to the package and to the context. */
  extraSources: { from: string; to: string }[];
  gitrepo: string;
  network: boolean;
  disableCache: boolean;
  config: ContainerConfig | undefined;
  buildArgs: string[];
  images: ImageDepends | undefined;
}

export const KIND = { code: 'E_PKG', page: 'docs/packages.md' } as const;

export const ARCHITECTURES = ['amd64', 'arm64', 'riscv64'];

function fault(raw: unknown, key: string | number, message: string, hint: string): OsmithError {
  return new OsmithError('E_PKG', message, { where: whereOf(raw, key), hint });
}

/** A path that stays below the directory it is relative to. */
export function isInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
}

function extraSources(raw: RawBuildFile): BuildFile['extraSources'] {
  const list = raw['extra-sources'] ?? [];
  return list.map((text, index) => {
    const [from = '', to = '', ...more] = text.split(':');
    if (from === '' || to === '' || more.length > 0 || from.startsWith('/')) {
      throw fault(
        list,
        index,
        `${JSON.stringify(text)} names no further source`,
        'Write SOURCE:DESTINATION, both relative',
      );
    }
    const inside = to.replace(/^\/+/, '');
    if (isInside(inside)) return { from, to: inside };
    throw fault(
      list,
      index,
      `${to} is outside of the package`,
      'The destination is a directory of the context',
    );
  });
}

async function imageDepends(dir: string, raw: RawBuildFile): Promise<ImageDepends | undefined> {
  const given = raw.depends?.['docker-images'];
  if (given === undefined) return undefined;
  const { target, 'target-dir': targetDir, list, 'from-file': fromFile } = given;
  const one = (a: unknown, b: unknown) => (a === undefined) !== (b === undefined);
  const at = (message: string, hint: string) => fault(raw.depends, 'docker-images', message, hint);
  if (!one(target, targetDir))
    throw at('docker-images needs a target', 'Give either target (one archive) or target-dir');
  if (!one(list, fromFile)) throw at('docker-images names no images', 'Give either list or from-file');
  const path = (target ?? targetDir)!;
  if (!isInside(path)) throw at(`${path} is outside of the package`, 'The target is in the context');
  return {
    target: path,
    perImage: target === undefined,
    list: list ?? (await listFile(dir, given, fromFile!)),
  };
}

/** One reference in a line; lines that begin with # are comments. */
async function listFile(dir: string, given: object, name: string): Promise<string[]> {
  if (!isInside(name))
    throw fault(given, 'from-file', `${name} is outside of the package`, 'Move the file there');
  const text = await readFile(join(dir, name), 'utf8').catch((cause: unknown) => {
    throw new OsmithError('E_PKG', `Cannot read ${name}: ${(cause as Error).message}`, {
      ...{ cause, where: whereOf(given, 'from-file'), hint: 'It lists one image in a line' },
    });
  });
  return text
    .split('\n')
    .map((each) => each.trim())
    .filter((each) => each !== '' && !each.startsWith('#'));
}

const NAME = /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/;

function checkArches(raw: RawBuildFile): string[] {
  const list = raw.arches ?? ARCHITECTURES;
  const index = list.findIndex((arch) => !ARCHITECTURES.includes(arch));
  if (index < 0) return list;
  throw fault(list, index, `There is no architecture ${list[index]}`, `Known: ${ARCHITECTURES.join(', ')}`);
}

function parse(text: string, file: string): RawBuildFile {
  try {
    return checkValue(buildFile, parseYaml(text, file) ?? {}, file, KIND);
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_COMPOSE') throw error;
    throw new OsmithError('E_PKG', error.message, error.details);
  }
}

async function readText(dir: string, name: string): Promise<string> {
  try {
    return await readFile(join(dir, name), 'utf8');
  } catch (cause) {
    const missing = isSystemError(cause) && ['ENOENT', 'ENOTDIR'].includes(cause.code!);
    const what = missing ? `${dir} is no package: it has no ${name}` : `Cannot read ${join(dir, name)}`;
    throw new OsmithError('E_PKG', what, {
      cause,
      hint: 'Name a directory with build.yml and a Dockerfile, or another file with --build-yml',
    });
  }
}

/** Reads and checks `build.yml`, or another file of its kind. Throws E_PKG with all unknown keys and wrong types. */
export async function readBuildFile(dir: string, name = 'build.yml'): Promise<BuildFile> {
  const file = join(dir, name);
  const raw = parse(await readText(dir, name), file);
  for (const key of ['image', 'org'] as const) {
    const value = raw[key];
    if (value === undefined || NAME.test(key === 'org' ? value.replace(/:\d+(?=\/|$)/, '') : value)) continue;
    throw fault(
      raw,
      key,
      `${JSON.stringify(value)} cannot be the ${key} of an image`,
      'Use lower case letters, digits and . _ - /',
    );
  }
  if (raw.dockerfile !== undefined && !isInside(raw.dockerfile)) {
    throw fault(
      raw,
      'dockerfile',
      `${raw.dockerfile} is outside of the package`,
      'Name a file of the package',
    );
  }
  return {
    file,
    raw,
    image: raw.image,
    org: raw.org ?? 'linuxkit',
    tag: raw.tag ?? '{{.Hash}}',
    dockerfile: raw.dockerfile ?? 'Dockerfile',
    arches: checkArches(raw),
    extraSources: extraSources(raw),
    gitrepo: raw.gitrepo ?? '',
    network: TRUTH.get(raw.network) ?? false,
    disableCache: TRUTH.get(raw['disable-cache']) ?? false,
    config: raw.config,
    buildArgs: raw.buildArgs ?? [],
    images: await imageDepends(dir, raw),
  };
}
