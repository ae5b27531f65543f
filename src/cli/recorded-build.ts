/** A finished build as its files tell of it: what it is, what it was made of, and that it is whole. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BuiltFile, OneBuild } from '../diff/again.ts';
import { OsmithError } from '../errors.ts';
import { sha256File } from '../run/store.ts';

const MANIFEST = 'manifest.json';
const BUILD_FIRST = '`osmith build` makes one; name the directory that it put it in';

const manifestSchema = z.looseObject({
  name: z.string(),
  variant: z.record(z.string(), z.string()),
  artifacts: z.array(z.looseObject({ name: z.string(), size: z.number(), sha256: z.string() })),
  inputs: z.looseObject({
    sources: z.record(z.string(), z.string()).default({}),
    /** Of composed systems. */
    version: z.string().optional(),
    date: z.string().optional(),
  }),
});

export interface RecordedBuild extends OneBuild {
  variant: Record<string, string>;
  /** Path of the saved configuration. */
  config: string;
  /** Digests of the workspace's files that took part, by path. */
  sources: Record<string, string>;
  version: { version: string; date: string } | undefined;
}

function noBuild(message: string): OsmithError {
  return new OsmithError('E_NO_IMAGE', message, { hint: BUILD_FIRST });
}

async function readText(path: string, message: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => {
    throw noBuild(message);
  });
}

async function fileOf(path: string): Promise<BuiltFile> {
  return { path, size: (await stat(path)).size, sha256: await sha256File(path) };
}

/** Throws E_NO_IMAGE where there is none, E_SIGNATURE for files that are not what its manifest says. */
export async function readRecordedBuild(dir: string): Promise<RecordedBuild> {
  const text = await readText(join(dir, MANIFEST), `There is no build in ${dir}`);
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success) throw noBuild(`${join(dir, MANIFEST)} is not the manifest of a build`);
  const { name, variant, artifacts, inputs } = parsed.data;
  const config = `${name}.config.ini`;
  const saved = await readText(
    join(dir, config),
    `${dir} has no ${config}, which tells how to make it again`,
  );
  const files = new Map<string, BuiltFile>();
  const present = await readdir(dir);
  for (const { name: file, size, sha256 } of artifacts) {
    const found = present.includes(file) ? await fileOf(join(dir, file)) : undefined;
    if (found?.size !== size || found.sha256 !== sha256)
      throw new OsmithError('E_SIGNATURE', `${join(dir, file)} is not what ${MANIFEST} says`, {
        hint: 'Build again: nothing can be said of a build that was changed since',
      });
    files.set(file, found);
  }
  // The manifest names neither these two nor their signatures.
  const own = [config, MANIFEST].flatMap((one) => present.filter((file) => `${file}.`.startsWith(`${one}.`)));
  for (const file of own) files.set(file, await fileOf(join(dir, file)));
  const { version, date, sources } = inputs;
  return {
    ...{ variant, sources, files, config: join(dir, config), facts: { manifest: text, config: saved } },
    version: version === undefined || date === undefined ? undefined : { version, date },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
