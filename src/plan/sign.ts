/** Steps that make checksums and signatures of the artifacts, and the part of the manifest that names them. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import type { Output } from './outputs.ts';
import { signingTools } from './tools.ts';
import type { Artifact, Json, Step, StepInput } from './types.ts';

const STAGE = 'manifest';
export const SUMS = 'SHA256SUMS';

/** An artifact with what the manifest says of it beside its digest. */
export interface Image {
  artifact: Artifact;
  /** What it holds, where that is packed in it. */
  unpacked?: StepInput;
}

export interface Signing {
  steps: Step[];
  artifacts: Artifact[];
  /** Signs what is made after the others. */
  sign: (artifact: Artifact) => { steps: Step[]; artifacts: Artifact[] };
  /** The files about another one, for the manifest. */
  about: (name: string) => { signature: string | null; checksum: string | null };
}

const COMPRESSION = /\.(gz|xz|zst)$/;

/** How a file is compressed, by its name; null: it is not, or its format does that itself. */
export function compressionOf(name: string): string | null {
  return COMPRESSION.exec(name)?.[1] ?? null;
}

export function imagesOf(name: string, outputs: readonly Output[]): Image[] {
  return outputs.map(({ extension, from, unpacked }) => ({
    artifact: { name: `${name}.${extension}`, ...from },
    ...(unpacked && { unpacked }),
  }));
}

/** Fingerprint or long key id; undefined: nothing is signed. */
function signingKey(config: Config): string | undefined {
  const text = config.find('sign', 'key')?.trim() ?? '';
  if (text === '') return undefined;
  const key = text.replace(/^0x/i, '').replaceAll(' ', '').toUpperCase();
  if (/^(?:[0-9A-F]{16}|[0-9A-F]{40}|[0-9A-F]{64})$/.test(key)) return key;
  throw new OsmithError('E_CONFIG', `sign.key is no fingerprint of a key: ${JSON.stringify(text)}`, {
    where: config.where('sign', 'key'),
    hint: '`gpg --list-secret-keys --keyid-format long` shows fingerprints: 40 digits and letters from A to F',
  });
}

/** What the uncompressed files of compressed ones are called; those that are artifacts themselves are left out. */
function unpackedFiles(images: readonly Image[]): Artifact[] {
  const found = new Map<string, Artifact>();
  for (const { artifact, unpacked } of images) {
    if (unpacked === undefined || compressionOf(artifact.name) === null) continue;
    const name = artifact.name.replace(COMPRESSION, '');
    found.set(name, { name, ...unpacked });
  }
  for (const { artifact } of images) found.delete(artifact.name);
  return [...found.values()];
}

function checksumStep(images: readonly Image[], files: readonly Artifact[]): Step {
  const packed = images.filter((image) => image.unpacked !== undefined);
  const inputs = new Map<string, StepInput>(
    [...files, ...packed.map(({ unpacked }) => unpacked!)].map(({ step, output }) => [
      `${step}/${output}`,
      { step, output },
    ]),
  );
  const input = ({ step, output }: StepInput) => `${step}/${output}`;
  return {
    ...{ id: 'sign/checksums', kind: 'checksums', stage: STAGE },
    params: {
      files: Object.fromEntries(files.map((file) => [file.name, input(file)])),
      listed: images.map(({ artifact }) => artifact.name).sort(),
      sizes: Object.fromEntries(packed.map(({ artifact, unpacked }) => [artifact.name, input(unpacked!)])),
    },
    inputs: Object.fromEntries(inputs),
  };
}

/** Signs files with the key that `sign/key` has found. */
function signerOf(tools: { tools?: string }): Signing['sign'] {
  return ({ name, step, output }) => {
    const signature = name === SUMS ? `${name}.gpg` : `${name}.asc`;
    const signs: Step = {
      ...{ id: `sign/${name}`, kind: 'sign', stage: STAGE, params: { name }, credentials: ['gpg'], ...tools },
      inputs: { file: { step, output }, key: { step: 'sign/key', output: 'key' } },
    };
    return { steps: [signs], artifacts: [{ name: signature, step: signs.id, output: 'signature' }] };
  };
}

/** Checksums are made where `sign.checksums` says so, or where there is a key; signatures where there is one. */
export function signingSteps(config: Config, images: readonly Image[]): Signing {
  const key = signingKey(config);
  const checksum =
    key !== undefined || (config.find('sign', 'checksums') !== undefined && config.bool('sign', 'checksums'));
  const nothing = { steps: [], artifacts: [] };
  const about = (name: string) => ({
    signature: key === undefined ? null : `${name}.asc`,
    checksum: checksum ? `${name}.sha256` : null,
  });
  if (!checksum) return { ...nothing, about, sign: () => nothing };

  const files = [...images.map(({ artifact }) => artifact), ...unpackedFiles(images)];
  const sums = checksumStep(images, files);
  const { sizes } = sums.params as { sizes: Record<string, Json> };
  const made = [
    ...files.map(({ name }) => `${name}.sha256`),
    ...Object.keys(sizes).map((name) => `${name}.size`),
  ];
  const artifacts = [...made.sort(), SUMS].map((name) => ({ name, step: sums.id, output: name }));
  if (key === undefined) return { steps: [sums], artifacts, about, sign: () => nothing };

  const { steps: init, tools } = signingTools(config);
  const check: Step = {
    ...{ id: 'sign/key', kind: 'sign-key', stage: STAGE, params: { key }, inputs: {} },
    ...{ credentials: ['gpg'], first: true, ...tools },
  };
  const sign = signerOf(tools);
  const signed = [...files, artifacts.at(-1)!].map(sign);
  return {
    steps: [...init, check, sums, ...signed.flatMap(({ steps }) => steps)],
    artifacts: [...artifacts, ...signed.flatMap((each) => each.artifacts)],
    ...{ about, sign },
  };
}
