/** One run of an update: look, decide, install. What the network can do wrong ends before anything is changed. */
import { otherSlot, type Slot, type SlotPart } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import type { Claims } from '../pattern/index.ts';
import { fetchSmall, isPublished, remoteSize, type Http } from './http.ts';
import { fillSlot, install, putOnTrial, settle, type Fill } from './install.ts';
import { readSlot, readState } from './read-state.ts';
import { MAX_TOKEN, releaseOf, type Release } from './release.ts';
import type { SlotAccess, SlotStore } from './slot-store.ts';
import { decide, type BootState, type Decision, type Running, type UpdatePolicy } from './slots.ts';
import { transferPart, type Seed, type Traffic } from './transfer.ts';

export interface UpdateRequest extends UpdatePolicy {
  /** Where releases are published: the directory of token and files. */
  url: string;
  /** Name of the build to follow, such as `osmith_deb_amd64`; may be another than the one that runs. */
  name: string;
  /** How many boots a new system gets to prove itself. */
  tries: number;
  /** Only say what would be done. */
  checkOnly: boolean;
}

export interface UpdateContext {
  running: Running;
  /** Of the machine, such as `amd64`. */
  arch: string;
  slots: SlotAccess;
  http: Http;
  /** Throws for a token that does not verify. `epoch`: date of the running system's build. */
  verify: (token: string, epoch: number) => Promise<Claims>;
  log: (line: string) => void;
  /** Waits between attempts to download, milliseconds. */
  delays?: readonly number[] | undefined;
}

export interface UpdateReport {
  decision: Decision;
  release: Release;
  /** Whether the next boot starts another system. */
  reboot: boolean;
  traffic: Traffic;
}

function requireSlot(running: Running): Running & { slot: Slot } {
  if (running.slot !== undefined) return { ...running, slot: running.slot };
  throw new OsmithError('E_UPDATE', 'This system was not started from a slot of a disk', {
    hint: 'A system that starts over the network is updated on its server',
  });
}

/** Where the files are: in the directory of their release, or all beside the token, as a build leaves them. */
async function baseOf(http: Http, url: string, { directory, files }: Release): Promise<string> {
  const own = `${url}/${directory}`;
  return (await isPublished(http, `${own}/${Object.values(files)[0]!}`)) ? own : url;
}

/** What a server must deliver, before the slot is emptied for it. */
async function checkServer(http: Http, base: string, { parts, files }: Release): Promise<void> {
  for (const { name, size } of parts) {
    const found = await remoteSize(http, `${base}/${files[name]!}`);
    if (found === undefined || found === size) continue;
    throw new OsmithError(
      'E_SIGNATURE',
      `${base}/${files[name]!} has ${found} bytes, its release says ${size}`,
      {
        hint: 'The release is not complete on the server; nothing was changed',
      },
    );
  }
}

/** A file of the running system's slot that the new one may have parts of. */
function seedOf(state: BootState, slots: SlotStore, target: Slot, part: SlotPart): Seed | undefined {
  const source = otherSlot(target);
  const { system, intact } = state.slots[source];
  const found = intact ? system?.parts.find(({ name }) => name === part.name) : undefined;
  if (found === undefined) return undefined;
  return { path: slots.part(source, part.name).path, size: found.size, sha256: found.sha256 };
}

function filler(
  context: UpdateContext,
  url: string,
  release: Release,
  state: BootState,
  target: Slot,
  traffic: Traffic,
): (slots: SlotStore) => Fill {
  const { http, log, delays } = context;
  return (slots) => async (part, store, again) => {
    const index = release.indexes[part.name];
    const moved = await transferPart(
      {
        ...{ http, store, log, url: `${url}/${release.files[part.name]!}` },
        ...(again || index === undefined ? {} : { index: `${url}/${index}` }),
        ...(again ? {} : { seed: seedOf(state, slots, target, part) }),
        ...(delays === undefined ? {} : { delays }),
      },
      part,
    );
    traffic.remote += moved.remote;
    traffic.local += moved.local;
  };
}

/** Fetches the published token and does what follows from it. Serialise calls: see `withUpdateLock`. */
export async function runUpdate(context: UpdateContext, request: UpdateRequest): Promise<UpdateReport> {
  const running = requireSlot(context.running);
  const { slots, http, log } = context;
  const token = (await fetchSmall(http, `${request.url}/${request.name}.jwt`, MAX_TOKEN)).toString().trim();
  const { state, release } = await slots.readOnly(async (store) => {
    const { system } = await readSlot(store, running.slot, false);
    // Before files of some hundred megabytes are read: a token that is not good is worth no work.
    const claims = await context.verify(token, system?.epoch ?? 0);
    const described = releaseOf(claims, {
      ...{ name: request.name, arch: context.arch, names: slots.parts },
      cmdline: system?.cmdline ?? '',
    });
    return { state: await readState(store, running, true), release: described };
  });
  const decision = decide(state, release, request);
  const traffic: Traffic = { remote: 0, local: 0 };
  const report = (reboot: boolean): UpdateReport => ({ decision, release, reboot, traffic });
  if (request.checkOnly || decision.action === 'nothing' || decision.action === 'refuse')
    return report(false);
  if (decision.action === 'withdraw') {
    log('the installed update was withdrawn: the running system stays');
    await slots.readWrite(async (store) => settle(store, running.slot));
    return report(false);
  }
  const { action, slot } = decision;
  if (action === 'activate') {
    await slots.readWrite(async (store) => putOnTrial(store, slot, request.tries));
    return report(true);
  }
  const base = await baseOf(http, request.url, release);
  await checkServer(http, base, release);
  await slots.readOnly(async (store) => store.checkRoom(slot, release.parts));
  log(`${action} ${release.name} (${release.build.slice(0, 12)}) in slot ${slot}`);
  const fill = filler(context, base, release, state, slot, traffic);
  await slots.readWrite(async (store) => {
    if (action === 'repair') await fillSlot(store, slot, release, fill(store));
    else await install(store, running.slot, release, fill(store), request.tries);
  });
  return report(action === 'install');
}
