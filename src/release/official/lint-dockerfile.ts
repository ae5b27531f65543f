/** The rules for Dockerfiles of official images: what they may be built from, and that downloads are checked. */
import { basename } from 'node:path';
import { OsmithError } from '../../errors.ts';
import { copiedFrom, parseDockerfile, type Dockerfile, type Stage } from '../../pkg/dockerfile.ts';
import { digestOf } from '../../oci/verify.ts';
import { readBlob, type GitOptions, type TreeFile } from './git.ts';

/** Official images have no slash in their names, and no registry before them. */
const OFFICIAL = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?$/;
const DOWNLOAD = /\b(?:curl|wget)\b|^ADD\s+(?:--\S+\s+)*https?:/m;
const CHECKED = /\b(?:sha256sum|sha512sum)\s+(?:-\w+\s+)*(?:-c|--check)\b|--checksum=sha256:[0-9a-f]{64}/;
const PLAIN = /\b(?:http|ftp):\/\/\S+/;

/** Images that a stage takes anything from, but earlier stages. */
function imagesOf({ stages }: Dockerfile): string[] {
  const names = new Set(stages.flatMap(({ name }, index) => [name ?? String(index), String(index)]));
  const used = stages.flatMap(({ base, instructions }) => [base, ...instructions.flatMap(copiedFrom)]);
  return [...new Set(used)].filter((image) => image !== 'scratch' && !names.has(image.toLowerCase()));
}

function textOf({ instructions }: Stage): string {
  return instructions.map(({ name, args }) => `${name} ${args}`).join('\n');
}

/** Files with a checksum in the text: `HEX  NAME`. */
function checksums(text: string): { sha256: string; name: string }[] {
  const found = text.matchAll(/\b([0-9a-f]{64})\s+\*?(\S+?)["']?(?=\s|$)/g);
  return [...found].map(([, sha256, name]) => ({ sha256: sha256!, name: basename(name!) }));
}

/** Tarballs that come with the Dockerfile must be what it says; the name may have been changed by COPY. */
async function lintTarballs(
  stage: Stage,
  byPath: ReadonlyMap<string, TreeFile>,
  options: GitOptions,
): Promise<string[]> {
  const faults: string[] = [];
  const wanted = checksums(textOf(stage)).map(({ sha256 }) => `sha256:${sha256}`);
  for (const { name, args } of stage.instructions) {
    if (!['COPY', 'ADD'].includes(name) || /--from=|https?:/.test(args)) continue;
    // The last word is where to; flags come first.
    const sources = args.split(/\s+/).slice(0, -1);
    for (const path of sources.filter((word) => /^[^-].*\.tar(?:\.\w+)?$/.test(word))) {
      const file = byPath.get(path.replace(/^\.\//, ''));
      if (file === undefined) {
        faults.push(`${path} is missing`);
        continue;
      }
      const digest = digestOf(await readBlob(file.id, options));
      if (wanted.length > 0 && !wanted.includes(digest))
        faults.push(`${path} has another checksum than the Dockerfile says`);
    }
  }
  return faults;
}

/** What is wrong with the Dockerfile at `path` of these files; sentences. */
export async function lintDockerfile(
  files: readonly TreeFile[],
  path: string,
  options: GitOptions,
): Promise<string[]> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const own = byPath.get(path);
  if (own === undefined) return [`${path} is missing`];
  let parsed: Dockerfile;
  try {
    parsed = parseDockerfile((await readBlob(own.id, options)).toString(), path);
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_PKG') throw error;
    return [`${path}: ${error.message}`];
  }
  const faults = imagesOf(parsed)
    .filter((image) => !OFFICIAL.test(image))
    .map((image) => `${path} is built from ${image}, which is no official image`);
  for (const stage of parsed.stages) {
    const text = textOf(stage);
    const plain = PLAIN.exec(text)?.[0];
    if (plain !== undefined) faults.push(`${path} takes ${plain} without TLS`);
    if (DOWNLOAD.test(text) && !CHECKED.test(text))
      faults.push(`${path} downloads what it does not compare with a checksum`);
    faults.push(...(await lintTarballs(stage, byPath, options)));
  }
  const last = parsed.stages.at(-1)!;
  if (last.instructions.some(({ name }) => name === 'ENTRYPOINT'))
    faults.push(
      `${path} has an ENTRYPOINT: \`docker run IMAGE COMMAND\` must run the command (override-cmd)`,
    );
  return faults;
}
