/** Steps that make a root filesystem out of a distribution's packages. */
import type { Config } from '../config/index.ts';
import { sourceInput } from './source.ts';
import type { Input, Step } from './types.ts';

type Params = Step['params'];

/** Distribution, suite, mirror and keys as a section of the configuration sets them. */
export function packageSource(config: Config, section: string, arch: string): Params {
  return {
    distro: config.get(section, 'distro'),
    suite: config.get(section, 'suite'),
    arch,
    components: config.list(section, 'components'),
    mirror: config.find(section, 'mirror') ?? '',
    keyring: config.find(section, 'keyring')?.trim() ? '/in/keyring' : '',
  };
}

/** The key ring that a section names, as an input of `resolve`. */
export function keyringInput(config: Config, section: string): Record<string, Input> {
  const path = config.find(section, 'keyring')?.trim();
  return path ? { keyring: sourceInput(config.workspace, path) } : {};
}

/** How the packages of the base system are unpacked, where that is not the usual way. */
export function packageUnpacking(config: Config, section: string): Params {
  const scripts = config.find(section, 'scripts') === undefined || config.bool(section, 'scripts');
  const noExtract = config.list(section, 'no_extract');
  return { ...(scripts ? {} : { scripts }), ...(noExtract.length === 0 ? {} : { noExtract }) };
}

export interface RootfsRequest {
  stage: string;
  /** First part of the steps' ids; default: the stage. */
  prefix?: string;
  source: Params;
  unpacking?: Params;
  base: string[];
  extra: string[];
  keyring: Record<string, Input>;
  tools: { tools?: string };
}

/** `STAGE/resolve`, `STAGE/fetch` and `STAGE/tree`: the minimum viable system. */
export function bootstrapSteps(request: RootfsRequest): Step[] {
  const { stage, prefix = stage, source, unpacking, base, extra, keyring, tools } = request;
  const id = (name: string) => `${prefix}/${name}`;
  const list = { step: id('resolve'), output: 'base' };
  const distro = source['distro']!;
  return [
    {
      ...{ id: id('resolve'), kind: 'resolve', stage, ...tools, network: true },
      params: { ...source, base, extra },
      inputs: keyring,
    },
    { ...{ id: id('fetch'), kind: 'fetch', stage }, params: { distro }, inputs: { list } },
    {
      ...{ id: id('tree'), kind: 'bootstrap', stage, ...tools },
      params: { ...source, ...unpacking, include: base },
      inputs: {
        ...keyring,
        list,
        sources: { step: id('resolve'), output: 'sources' },
        packages: { step: id('fetch'), output: 'packages' },
      },
    },
  ];
}

export interface LayerRequest extends Pick<RootfsRequest, 'stage' | 'source' | 'keyring' | 'tools'> {
  prefix: string;
  /** The step that made the system. */
  base: string;
  packages: string[];
}

/**
 * `PREFIX/resolve`, `PREFIX/fetch` and `PREFIX/tree`: packages as a layer on a system that is made without asking for
 * them, from where that has its own.
 */
export function layerSteps({ stage, prefix, base, packages, source, keyring, tools }: LayerRequest): Step[] {
  const id = (name: string) => `${prefix}/${name}`;
  const system = { step: base, output: 'tree' };
  const list = { step: id('resolve'), output: 'extra' };
  return [
    {
      ...{ id: id('resolve'), kind: 'resolve', stage, ...tools, network: true },
      params: { ...source, base: [], extra: packages },
      inputs: { ...keyring, system },
    },
    { ...{ id: id('fetch'), kind: 'fetch', stage }, params: { distro: source['distro']! }, inputs: { list } },
    {
      ...{ id: id('tree'), kind: 'install', stage, ...tools },
      params: { ...source, packages },
      inputs: { ...keyring, base: system, list, packages: { step: id('fetch'), output: 'packages' } },
    },
  ];
}

/** `STAGE/fetch` and `STAGE/packages`: further packages on the tree that `from/tree` made. */
export function installSteps(stage: string, from: string, request: RootfsRequest): Step[] {
  const { source, unpacking, extra, keyring, tools } = request;
  const list = { step: `${from}/resolve`, output: 'extra' };
  const distro = source['distro']!;
  return [
    { ...{ id: `${stage}/fetch`, kind: 'fetch', stage }, params: { distro }, inputs: { list } },
    {
      ...{ id: `${stage}/packages`, kind: 'install', stage, ...tools },
      params: { ...source, ...unpacking, packages: extra },
      inputs: {
        ...keyring,
        base: { step: `${from}/tree`, output: 'tree' },
        list,
        packages: { step: `${stage}/fetch`, output: 'packages' },
      },
    },
  ];
}
