/** What a build leaves for those who ask later who built what, when and of what. */
import { join, resolve } from 'node:path';
import { addRecord, type Content, sha256 } from '../audit/chain.ts';
import type { Config } from '../config/index.ts';
import { now, whoami } from '../env.ts';
import { buildName } from '../plan/name.ts';
import { sourcesOf } from '../plan/manifest.ts';
import type { Plan } from '../plan/types.ts';
import type { PlacedArtifact } from '../run/artifacts.ts';
import { canonicalJson } from '../run/key.ts';
import type { Result, Store } from '../run/store.ts';
import { version } from '../version.ts';

/** Where the records are: audit.dir, or beside the logs of the store. */
export function auditDir(config: Config, store: Store): string {
  const dir = config.find('audit', 'dir')?.trim() ?? '';
  return dir === '' ? join(store.dir, 'audit') : resolve(config.workspace, dir);
}

export interface Outcome {
  config: Config;
  store: Store;
  command: string;
  /** Undefined: the build failed before there was one. */
  plan: Plan | undefined;
  results: ReadonlyMap<string, Result>;
  artifacts: PlacedArtifact[];
  /** `ok`, or the code of the error. */
  result: string;
  /** What the build printed, without secrets. */
  log: string;
}

/** Digests of what went into the steps that were done. */
function inputsOf({ config, plan, results }: Outcome): Content['inputs'] {
  const steps = plan?.steps ?? [];
  const keys = steps.map(({ id }) => results.get(id)?.key);
  const lists = [...results].flatMap(([id, { files }]) =>
    id.endsWith('/resolve')
      ? Object.entries(files).map(([output, { digest }]) => [`${id}/${output}`, digest])
      : [],
  );
  return {
    config: sha256(config.saved(buildName(config), `Osmith ${version()}`)),
    ...(plan !== undefined && keys.every((key) => key !== undefined)
      ? { steps: sha256(canonicalJson(keys)) }
      : {}),
    packages: Object.fromEntries(lists) as Record<string, string>,
    sources: sourcesOf(steps),
  };
}

/** Adds the record of a build. Throws E_AUDIT. */
export async function auditBuild(outcome: Outcome): Promise<void> {
  const { config, store, command, artifacts, result, log } = outcome;
  const content: Content = {
    ...{ time: new Date(now()).toISOString(), by: whoami(), osmith: version() },
    ...{ command, workspace: config.workspace, variant: { ...config.attributes }, result },
    inputs: inputsOf(outcome),
    artifacts: artifacts.map(({ name, size, sha256: digest }) => ({ name, size, sha256: digest })),
  };
  await addRecord(auditDir(config, store), content, log);
}
