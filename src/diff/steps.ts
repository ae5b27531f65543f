/** Two stores in which the same was built: which steps made something else of the same inputs. */
import { rememberedKeys } from '../run/history.ts';
import { canonicalJson } from '../run/key.ts';
import { blobPath, readResult, resultPath, type Result, type Store } from '../run/store.ts';
import type { Blob } from '../steps/types.ts';

/** Two files that should have been the same; one of them may not be there. */
export interface Pair {
  what: string;
  a?: string | undefined;
  b?: string | undefined;
}

export interface UnstableStep {
  /** As its file in the store is called. */
  file: string;
  pairs: Pair[];
  /** Whether what it says of its outputs differs. */
  facts: boolean;
}

/** What is left of two lists once what both have is taken away, one beside the other. */
function unlike(a: readonly Blob[], b: readonly Blob[]): [Blob | undefined, Blob | undefined][] {
  const without = (list: readonly Blob[], other: readonly Blob[]) =>
    list.filter(({ digest }) => !other.some((each) => each.digest === digest));
  const [left, right] = [without(a, b), without(b, a)];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => [left[at], right[at]]);
}

/** All that a result holds, by name: single files, sets and the layers of trees. */
function outputs({ files, sets, trees }: Result): Map<string, Blob[]> {
  return new Map<string, Blob[]>([
    ...Object.entries(files).map(([name, blob]): [string, Blob[]] => [name, [blob]]),
    ...Object.entries(sets).map(([name, set]): [string, Blob[]] => [name, Object.values(set)]),
    ...Object.entries(trees).map(([name, { layers }]): [string, Blob[]] => [name, layers]),
  ]);
}

/** Keys cover everything that goes into a step. */
export async function unstableSteps(first: Store, second: Store): Promise<UnstableStep[]> {
  const found: UnstableStep[] = [];
  for (const { file, key } of await rememberedKeys(second)) {
    const [a, b] = [await readResult(resultPath(first, key)), await readResult(resultPath(second, key))];
    if (typeof a !== 'object' || typeof b !== 'object') continue;
    const [left, right] = [outputs(a), outputs(b)];
    const pairs = [...new Set([...left.keys(), ...right.keys()])].flatMap((what) =>
      unlike(left.get(what) ?? [], right.get(what) ?? []).map(([one, other]) => ({
        what,
        a: one && blobPath(first, one.digest),
        b: other && blobPath(second, other.digest),
      })),
    );
    const facts = canonicalJson([a.facts, a.epoch]) !== canonicalJson([b.facts, b.epoch]);
    if (pairs.length > 0 || facts) found.push({ file, pairs, facts });
  }
  return found;
}
