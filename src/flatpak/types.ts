/** What the steps of Flatpak tell each other. */
import { z } from 'zod';

/** A remote as the configuration describes it. Empty: not said. */
export const wantedRemote = z.strictObject({
  name: z.string(),
  url: z.string(),
  /** URL of a .flatpakrepo file that says what is not said here. */
  repoFile: z.string(),
  /** Whether what comes from there must be signed. */
  gpgVerify: z.boolean(),
  /** Public keys, in base64. */
  key: z.string(),
  title: z.string(),
  defaultBranch: z.string(),
  /** Null: Flatpak's own default. */
  prio: z.int().nullable(),
  /** Each `name[/arch[/branch]]`. */
  apps: z.array(z.string()),
  runtimes: z.array(z.string()),
  /** Ids of apps and extensions that must not be there. */
  exclude: z.array(z.string()),
  /** Ids that may download from elsewhere when they are installed. */
  allowExtraData: z.array(z.string()),
});
export type WantedRemote = z.infer<typeof wantedRemote>;

/** A remote after it was asked. */
export const remote = wantedRemote
  .pick({ name: true, url: true, gpgVerify: true, key: true, title: true, defaultBranch: true, prio: true })
  .extend({ collectionId: z.string() });
export type Remote = z.infer<typeof remote>;

/** A file that an app or an extension has its maker's server send. */
export const extraData = z.strictObject({
  /** File name. */
  name: z.string().regex(/^(?!\.{1,2}$)[^/\0]+$/),
  uri: z.string(),
  size: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ExtraData = z.infer<typeof extraData>;

/** An app, a runtime or an extension that is to be installed. */
export const resolvedRef = z.strictObject({
  /** `app/ID/ARCH/BRANCH` or `runtime/ID/ARCH/BRANCH`. */
  ref: z.string(),
  remote: z.string(),
  commit: z.string().regex(/^[0-9a-f]{64}$/),
  /** Directories below `/files`, such as `/de`; none: all of it. */
  subpaths: z.array(z.string()),
  /** Bytes. */
  downloadSize: z.number(),
  installedSize: z.number(),
  /** `runtime/ID/ARCH/BRANCH` that it runs on; empty: none. */
  runtime: z.string(),
  /** Refs for whose sake it is there, where it was not asked for itself. */
  relatedTo: z.array(z.string()),
  extraData: z.array(extraData),
  /** Why it is no longer maintained; empty: it is. */
  eol: z.string(),
  /** Ref that took its place; empty: none. */
  eolRebase: z.string(),
});
export type ResolvedRef = z.infer<typeof resolvedRef>;

export const resolution = z.strictObject({ remotes: z.array(remote), refs: z.array(resolvedRef) });
export type Resolution = z.infer<typeof resolution>;
