/** Steps that make the OCI image of an operating system: its parts, each once, and how artifacts are assembled of them. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { version as osmithVersion } from '../version.ts';
import { ASSEMBLING, DOCUMENT, PARTS } from './assembly.ts';
import type { Output, Packaged } from './outputs.ts';
import type { Tools } from './tools.ts';
import { isStepInput, type Json, type Step, type StepInput } from './types.ts';

/** The format, and how the file's name ends. */
export const OS_IMAGE = 'os.oci.tar';

const STAGE = 'manifest';

/** By which EVE's tools find the files of a system in an image. */
const LABEL = 'org.lfedge.eci.artifact';
const LABELLED: Record<string, string> = { root: 'rootfs', kernel: 'vmlinuz', initrd: 'initrd' };

/** Names the document, for who looks for it. */
export const ASSEMBLY_LABEL = 'io.osmith.assembly';

export const osImageOutput: [string, Output] = [
  OS_IMAGE,
  { extension: OS_IMAGE, from: { step: `${STAGE}/os-image`, output: 'file' } },
];

export function wantsOsImage(config: Config): boolean {
  return config.list('image', 'formats').includes(OS_IMAGE);
}

export interface OsImageRequest {
  config: Config;
  name: string;
  /** Empty: the date. */
  version: string;
  packaged: Packaged;
  /** Further files for people, by the names of their formats. */
  lists: ReadonlyMap<string, Output>;
  tools: Tools;
}

const same = (a: StepInput, b: StepInput) => a.step === b.step && a.output === b.output;

function isCarried({ kind }: Step): boolean {
  return (ASSEMBLING as readonly string[]).includes(kind);
}

/** What the steps need that none of them makes. Throws E_CONFIG for what is no file. */
function partsOf(steps: readonly Step[], config: Config): StepInput[] {
  const made = new Set(steps.map(({ id }) => id));
  const inputs = steps.flatMap((step) =>
    Object.values(step.inputs).flatMap((input) => {
      if (isStepInput(input)) return made.has(input.step) ? [] : [input];
      throw new OsmithError('E_INTERNAL', `${step.id} reads ${input.source}, which no image can carry`);
    }),
  );
  if (steps.some(({ params }) => Object.keys(params['sets'] ?? {}).length > 0))
    throw new OsmithError('E_CONFIG', `A board's firmware cannot be carried in an image (${OS_IMAGE})`, {
      where: config.where('image', 'formats'),
      hint: 'Take the format away for this platform',
    });
  return inputs.filter((input, index) => inputs.findIndex((other) => same(input, other)) === index);
}

/** A layer: its name, and paths in it with their contents. */
interface Layer {
  name: string;
  files: ReadonlyMap<string, StepInput>;
}

function slug(step: string): string {
  return step.replaceAll('/', '-');
}

const layerTar = (name: string): StepInput => ({ step: `${STAGE}/os-${name}`, output: 'tar' });
const packedLayer = (name: string): StepInput => ({ step: `${STAGE}/os-${name}-gz`, output: 'file' });

/** The tar of a layer, and that packed. */
function layerSteps({ name, files }: Layer, tools: Tools): Step[] {
  const inputs = [...files].map(([path, from], index) => ({ path, input: `file/${index}`, from }));
  return [
    {
      ...{ id: layerTar(name).step, kind: 'file-layer', stage: STAGE },
      params: { name, files: Object.fromEntries(inputs.map(({ path, input }) => [path, input])) },
      inputs: Object.fromEntries(inputs.map(({ input, from }) => [input, from])),
    },
    {
      ...{ id: packedLayer(name).step, kind: 'compress', stage: STAGE, ...tools },
      ...{ params: { what: `the layer ${name}`, format: 'gz' }, inputs: { file: layerTar(name) } },
    },
  ];
}

/** One layer for each step that makes parts: what did not change is the same layer again. */
function layersOf(parts: readonly StepInput[], pathOf: (part: StepInput) => string): Layer[] {
  return [...Map.groupBy(parts, ({ step }) => slug(step))].map(([name, inputs]) => ({
    name,
    files: new Map(inputs.map((input) => [pathOf(input), input])),
  }));
}

function assemblyStep(
  { config, name, version, packaged, lists }: OsImageRequest,
  carried: readonly Step[],
  parts: readonly { path: string; from: StepInput }[],
): Step {
  const made = new Set(carried.map(({ id }) => id));
  const isThere = ({ from }: Output) => made.has(from.step) || parts.some((each) => same(each.from, from));
  const outputs = [...packaged.outputs, ...lists].filter(([, output]) => isThere(output));
  const volume = packaged.outputs.get('config')?.from;
  const document = {
    ...{ format: 1, osmith: osmithVersion(), name, attributes: { ...config.attributes } },
    ...(config.find('build', 'epoch')?.trim() ? { epoch: config.int('build', 'epoch') } : {}),
    steps: carried.map(({ id, kind, params, inputs, tools }) => ({
      ...{ id, kind, params, inputs, ...(tools === undefined ? {} : { tools }) },
    })),
    outputs: Object.fromEntries(
      outputs.map(([format, { extension, from }]) => [format, { extension, from }]),
    ),
    ...(volume === undefined ? {} : { config: volume }),
  };
  const named = parts.map((each, index) => ({ ...each, input: `part/${index}` }));
  const used = carried.flatMap(({ inputs }) => Object.values(inputs).filter(isStepInput));
  const steps = [...new Set(used.map(({ step }) => step))].filter((id) => !made.has(id));
  return {
    ...{ id: `${STAGE}/os-assembly`, kind: 'assembly', stage: STAGE },
    params: {
      document: document as unknown as Json,
      version,
      parts: Object.fromEntries(named.map(({ path, from, input }) => [input, { ...from, path }])),
      layers: Object.fromEntries(steps.map((step) => [step, `layer/${slug(step)}`])),
    },
    inputs: {
      raw: packaged.outputs.get('raw')!.from,
      ...Object.fromEntries(named.map(({ input, from }) => [input, from])),
      ...Object.fromEntries(steps.map((step) => [`layer/${slug(step)}`, layerTar(slug(step))])),
    },
  };
}

/** None unless the image is asked for. Throws E_CONFIG for what cannot be carried. */
export function osImageSteps(request: OsImageRequest): Step[] {
  const { config, name, version, packaged, lists, tools } = request;
  if (!wantsOsImage(config)) return [];
  const carried = packaged.steps.filter(isCarried);
  const known = [...packaged.outputs.values(), ...lists.values()];
  const pathOf = (part: StepInput) => {
    const extension = known.find(({ from }) => same(from, part))?.extension;
    return `${PARTS}/${extension ?? `${part.step}/${part.output}`}`;
  };
  const layers = layersOf(partsOf(carried, config), pathOf);
  const about = new Map([...lists.values()].map(({ from }) => [pathOf(from), from]));
  const paths = new Map([...layers.flatMap(({ files }) => [...files]), ...about]);
  const assembly = assemblyStep(
    request,
    carried,
    [...paths].map(([path, from]) => ({ path, from })),
  );
  about.set(DOCUMENT, { step: assembly.id, output: 'document' });
  const all = [...layers, { name: 'about', files: about }];
  const names = all.map((layer) => layer.name);
  return [
    ...all.flatMap((layer) => layerSteps(layer, tools)).toSpliced(-2, 0, assembly),
    {
      ...{ id: osImageOutput[1].from.step, kind: 'container-image', stage: STAGE },
      params: {
        ...{ arch: config.attributes['arch']!, name: name.toLowerCase(), version },
        ...{ layers: names, layer: 'gzip', command: [], env: [], labels: labelsOf(config, packaged, paths) },
      },
      inputs: Object.fromEntries(
        names.flatMap((each) => [
          [`tar/${each}`, layerTar(each)],
          [`layer/${each}`, packedLayer(each)],
        ]),
      ),
    },
  ];
}

function labelsOf(
  config: Config,
  { outputs }: Packaged,
  paths: ReadonlyMap<string, StepInput>,
): Record<string, string> {
  const files = Object.entries(LABELLED).flatMap(([label, format]) => {
    const from = outputs.get(format)?.from;
    const found = [...paths].find(([, input]) => from !== undefined && same(input, from));
    return found === undefined ? [] : [[`${LABEL}.${label}`, `/${found[0]}`] as const];
  });
  return {
    'org.opencontainers.image.title': config.get('image', 'title'),
    [ASSEMBLY_LABEL]: `/${DOCUMENT}`,
    ...Object.fromEntries(files),
  };
}
