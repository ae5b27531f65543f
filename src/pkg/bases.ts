/** What a Dockerfile is built from, for one architecture: images by platform, and the stages that are needed. */
import {
  checkMounts,
  copiedFrom,
  dockerfileFault,
  expandVariables,
  globalArguments,
  type Dockerfile,
  type Instruction,
  type Stage,
} from './dockerfile.ts';

/** An image that a Dockerfile names. */
export interface Base {
  /** Variables put in. */
  reference: string;
  arch: string;
  /** As the file spells it. */
  token: string;
  instruction: Instruction;
}

export interface NeededStage {
  stage: Stage;
  index: number;
  arch: string;
}

export interface Bases {
  /** The variables of both machines. */
  arguments: Map<string, string>;
  images: Base[];
  /** In the order of the file. */
  stages: NeededStage[];
}

/** The variables that every Dockerfile has, of the machine that builds and of the one that is built for. */
export function platformArguments(build: string, target: string): Map<string, string> {
  const of = (prefix: string, arch: string): [string, string][] => [
    [`${prefix}PLATFORM`, `linux/${arch}`],
    [`${prefix}OS`, 'linux'],
    [`${prefix}ARCH`, arch],
    [`${prefix}VARIANT`, ''],
  ];
  return new Map([...of('BUILD', build), ...of('TARGET', target)]);
}

function archOf(
  dockerfile: Dockerfile,
  { from, platform }: Stage,
  values: ReadonlyMap<string, string>,
): string | undefined {
  if (platform === undefined) return undefined;
  const expanded = expandVariables(platform, values);
  const [, arch] = /^linux\/([a-z0-9]+)(?:\/\w+)?$/.exec(expanded) ?? [];
  if (arch !== undefined) return arch;
  const hint = 'Use $BUILDPLATFORM, $TARGETPLATFORM or linux/ARCH';
  throw dockerfileFault(dockerfile.file, from.first, `${JSON.stringify(expanded)} is no platform`, hint);
}

/** The stage that a name or number means, of those before it. */
function stageBefore(stages: readonly Stage[], name: string, before: number): number | undefined {
  if (/^\d+$/.test(name) && Number(name) < before) return Number(name);
  const index = stages.slice(0, before).findLastIndex((stage) => stage.name === name.toLowerCase());
  return index < 0 ? undefined : index;
}

/** Throws E_PKG for a platform or an image that is none. */
export function findBases(
  dockerfile: Dockerfile,
  given: ReadonlyMap<string, string>,
  { build, target }: { build: string; target: string },
): Bases {
  const { stages, file } = dockerfile;
  const platforms = platformArguments(build, target);
  const values = globalArguments(dockerfile, given, platforms);
  const images: Base[] = [];
  const needed = new Map<number, string>();

  function fault(instruction: Instruction, token: string): Error {
    const hint =
      'The variable has no value: give ARG a default before the first FROM, or a value in buildArgs';
    return dockerfileFault(file, instruction.first, `${token} names no image`, hint);
  }

  function need(index: number): string {
    const known = needed.get(index);
    if (known !== undefined) return known;
    const stage = stages[index]!;
    const base = expandVariables(stage.base, values);
    const own = archOf(dockerfile, stage, values);
    const parent = stageBefore(stages, base, index);
    const arch = own ?? (parent === undefined ? target : need(parent));
    if (parent !== undefined) need(parent);
    needed.set(index, arch);
    if (parent === undefined && base !== 'scratch') {
      if (base === '' || /:$|^[:@]/.test(base)) throw fault(stage.from, stage.base);
      images.push({ reference: base, arch, token: stage.base, instruction: stage.from });
    }
    for (const instruction of stage.instructions) {
      checkMounts(file, instruction);
      for (const token of copiedFrom(instruction)) {
        const from = stageBefore(stages, token, index);
        if (from !== undefined) need(from);
        else if (/^\d+$/.test(token) || token.includes('$')) {
          const hint = 'Name a stage that comes before, or an image';
          throw dockerfileFault(file, instruction.first, `There is no stage ${token}`, hint);
        } else images.push({ reference: token, arch, token, instruction });
      }
    }
    return arch;
  }

  need(stages.length - 1);
  const order = [...needed].sort(([a], [b]) => a - b);
  return {
    arguments: platforms,
    images,
    stages: order.map(([index, arch]) => ({ stage: stages[index]!, index, arch })),
  };
}

/** Stages whose programs are of another architecture than the machine: they run in an emulator. */
export function emulatedStages({ stages }: Bases, build: string): NeededStage[] {
  return stages.filter(
    ({ stage, arch }) => arch !== build && stage.instructions.some(({ name }) => name === 'RUN'),
  );
}

/** Where a token stands between spaces, or as the value of an option. */
function wordAt(line: string, token: string): number {
  for (let at = line.indexOf(token); at >= 0; at = line.indexOf(token, at + 1)) {
    const before = line[at - 1] ?? ' ';
    const after = line[at + token.length] ?? ' ';
    if (/[\s=]/.test(before) && /[\s,]/.test(after)) return at;
  }
  return -1;
}

/** Replaces a word within the lines of an instruction, once. */
function replaceIn(lines: string[], { first, last }: Instruction, token: string, by: string): void {
  for (let i = first - 1; i < last; i += 1) {
    const at = wordAt(lines[i]!, token);
    if (at < 0) continue;
    lines[i] = lines[i]!.slice(0, at) + by + lines[i]!.slice(at + token.length);
    return;
  }
}

/** The Dockerfile with other names for its images, in the order of `images`; what is not needed is built from nothing. */
export function renameBases(dockerfile: Dockerfile, bases: Bases, names: readonly string[]): string {
  const lines = [...dockerfile.lines];
  const needed = new Set(bases.stages.map(({ index }) => index));
  bases.images.forEach(({ instruction, token }, index) =>
    replaceIn(lines, instruction, token, names[index]!),
  );
  dockerfile.stages.forEach((stage, index) => {
    if (!needed.has(index)) replaceIn(lines, stage.from, stage.base, 'scratch');
  });
  return lines.join('\n');
}
