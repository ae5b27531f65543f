/** Steps that list what is in a tree, and collect what that was built from. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import type { Output } from './outputs.ts';
import { keyringInput, packageSource } from './rootfs.ts';
import type { Tools } from './tools.ts';
import type { Step, StepInput } from './types.ts';

/** By the format that asks for it, which is also how the file's name ends. */
const LISTS = { 'spdx.json': 'spdx', 'cdx.json': 'cyclonedx', 'sources.csv': 'sources' };

const ARCHIVE = 'sources.tar';

/** Whose source packages can be fetched. */
const WITH_SOURCES = ['debian', 'ubuntu'];

const id = (format: string) => `manifest/${format}`;

/** Throws E_CONFIG if the sources are asked for, and cannot be had. */
function archiveSteps(config: Config, tools: Tools): Step[] {
  const distro = config.get('bootstrap', 'distro');
  if (!config.list('image', 'formats').includes(ARCHIVE)) return [];
  if (!WITH_SOURCES.includes(distro))
    throw new OsmithError('E_CONFIG', `The sources of ${distro} cannot be fetched (${ARCHIVE})`, {
      where: config.where('image', 'formats'),
      hint: `Take the format away; those of ${WITH_SOURCES.join(' and ')} can`,
    });
  const resolve = id('source-resolve');
  return [
    {
      ...{ id: resolve, kind: 'source-resolve', stage: 'manifest', ...tools, network: true },
      params: packageSource(config, 'bootstrap', config.attributes['arch']!),
      inputs: {
        sources: { step: id('sources.csv'), output: 'file' },
        ...keyringInput(config, 'bootstrap'),
      },
    },
    {
      ...{ id: id(ARCHIVE), kind: 'source-archive', stage: 'manifest', params: {}, network: true },
      inputs: {
        list: { step: resolve, output: 'list' },
        collected: { step: resolve, output: 'collected' },
      },
    },
  ];
}

export function sbomSteps(
  config: Config,
  name: string,
  root: StepInput,
  tools: Tools,
): { steps: Step[]; outputs: Map<string, Output> } {
  const lists = Object.entries(LISTS).map(([format, list]): Step => ({
    ...{ id: id(format), kind: 'sbom', stage: 'manifest' },
    params: { name, format: list },
    inputs: { root },
  }));
  return {
    steps: [...lists, ...archiveSteps(config, tools)],
    outputs: new Map(
      [...Object.keys(LISTS), ARCHIVE].map((extension) => [
        extension,
        { extension, from: { step: id(extension), output: 'file' } },
      ]),
    ),
  };
}
