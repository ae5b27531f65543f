/** Whether packages agree on what they are built from: one image has one tag, and a package of the family its present one. */
import { OsmithError, type Where } from '../errors.ts';
import { expandReference } from '../oci/reference.ts';
import { buildArguments } from './arguments.ts';
import { findBases } from './bases.ts';
import { imageName, isOfDebian, type AnyPackage, type Family } from './family.ts';
import { builtFor, packageGraph, readDockerfile } from './graph.ts';
import type { Package } from './package.ts';

interface Use {
  reference: string;
  where: Where;
}

async function usesOf(pkg: Package, family: Family, host: string): Promise<Use[]> {
  const dockerfile = await readDockerfile(pkg);
  const { values } = await buildArguments(pkg, family);
  return pkg.build.arches.flatMap((target) =>
    findBases(dockerfile, values, { build: host, target }).images.map(({ reference, instruction }) => ({
      reference: expandReference(reference),
      where: { file: dockerfile.file, line: instruction.first },
    })),
  );
}

function place({ file, line }: Where): string {
  return `${file}:${line}`;
}

function differing(name: string, uses: readonly Use[], current: AnyPackage | undefined): OsmithError[] {
  if (current !== undefined) {
    const old = uses.filter(({ reference }) => reference !== current.canonical);
    return old.map(
      ({ reference, where }) =>
        new OsmithError('E_PKG', `${reference} is not the present ${current.name}`, {
          where,
          hint: `It is ${current.reference} now`,
        }),
    );
  }
  const [first] = uses;
  const other = uses.find(({ reference }) => reference !== first!.reference);
  if (other === undefined) return [];
  return [
    new OsmithError(
      'E_PKG',
      `${name} is used as ${other.reference} here and as ${first!.reference} elsewhere`,
      {
        where: other.where,
        hint: `Use one of them: the other is in ${place(first!.where)}`,
      },
    ),
  ];
}

/** Looks at all packages; the number of references that agree. Throws E_PKG with all faults. */
export async function checkPackages(
  packages: readonly AnyPackage[],
  family: Family,
  host: string,
): Promise<number> {
  const withFile = packages.filter((pkg): pkg is Package => !isOfDebian(pkg));
  const uses = (await Promise.all(withFile.map((pkg) => usesOf(pkg, family, host)))).flat();
  const unique = [...new Map(uses.map((use) => [`${place(use.where)} ${use.reference}`, use])).values()];
  const byName = Map.groupBy(unique, ({ reference }) => imageName(reference));
  const faults: OsmithError[] = [];
  for (const [name, list] of byName) {
    const own = await family.byImage(name);
    // With several packages of one name, such as variants, any of them may be meant.
    faults.push(...differing(name, list, own.length === 1 ? own[0] : undefined));
  }
  const wanted = packages.flatMap((pkg) => builtFor(pkg).arches.map((arch) => ({ pkg, arch })));
  await packageGraph(wanted, { family, host }).catch((error: unknown) => {
    if (!(error instanceof OsmithError)) throw error;
    faults.push(error);
  });
  const [first, ...also] = faults;
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
  return unique.length;
}
