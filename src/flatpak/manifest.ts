/** What manifest.json says of Flatpak: as the Endless image builder writes it. */
import { z } from 'zod';
import type { Json } from '../plan/types.ts';
import { parseRef } from './ref.ts';
import type { Resolution, ResolvedRef } from './types.ts';

/** What install.py tells of each ref. */
export const installed = z.record(
  z.string(),
  z.strictObject({
    ...{ commit: z.string(), installedSize: z.number(), timestamp: z.number() },
    ...{ version: z.string(), name: z.string(), summary: z.string() },
  }),
);
export type Installed = z.infer<typeof installed>;

/** Where the running system finds a remote. */
export interface ShippedRemote {
  name: string;
  url: string;
  /** Empty: none. */
  collectionId: string;
}

function date(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().replace(/\.000Z$/, '+0000');
}

function entry(ref: ResolvedRef, told: Installed[string]): [string, Json] {
  const { id, arch, branch, kind } = parseRef(ref.ref);
  const { version, name, summary } = told;
  return [
    `${id}/${arch}/${branch}`,
    {
      ...{ name: id, arch, branch, ref: ref.ref, remote: ref.remote, commit: told.commit },
      ...{ size: told.installedSize, date: date(told.timestamp), version },
      ...(name === '' ? {} : { appdata: { C: { name, summary } } }),
      ...(kind === 'app' ? { runtime: ref.runtime.replace(/^runtime\//, '') } : {}),
    },
  ];
}

export function flatpakManifest(
  { refs }: Resolution,
  told: Installed,
  remotes: readonly ShippedRemote[],
): Json {
  const entries = (kind: string) =>
    Object.fromEntries(
      refs.filter(({ ref }) => parseRef(ref).kind === kind).map((ref) => entry(ref, told[ref.ref]!)),
    );
  const web = remotes.filter(({ url }) => !url.startsWith('file:'));
  return {
    remotes: Object.fromEntries(
      web.map(({ name, url, collectionId }) => [name, { url, 'collection-id': collectionId || null }]),
    ),
    runtimes: entries('runtime'),
    apps: entries('app'),
  };
}
