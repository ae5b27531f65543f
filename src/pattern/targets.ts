/** Groups made flat, and what the targets of commands mean. */
import type { Command, Entry, Exec } from './types.ts';

/** Targets that begin with it are events. */
const EVENT_PREFIX = 'osmith:';
const EVENT_NAME = /^[A-Za-z][\w.-]*$/;

/** A command in its place: groups are gone. */
export interface Flat {
  /** For people: `id`, or `group/id`. */
  path: string;
  /** The same without ambiguity, as ids may contain `/`. */
  key: string;
  /** Where it stands in the list it was made from. */
  at: readonly PropertyKey[];
  /** Ids of the groups around: commands with the same see each other. */
  scope: string;
  command: Command;
  /** Levels of exec from the outermost group to the command itself. */
  exec: Exec[];
}

export function flatten(entries: readonly Entry[], ids: readonly string[] = [], exec: Exec[] = []): Flat[] {
  return entries.flatMap((entry, index): Flat[] => {
    const path = [...ids, entry.id];
    const levels = entry.exec === undefined ? exec : [...exec, entry.exec];
    if ('commands' in entry)
      return flatten(entry.commands, path, levels).map((flat) => ({
        ...flat,
        at: [index, 'commands', ...flat.at],
      }));
    return [
      {
        ...{ path: path.join('/'), key: JSON.stringify(path), at: [index] },
        ...{ scope: JSON.stringify(ids), command: entry, exec: levels },
      },
    ];
  });
}

export type Trigger = 'onChange' | 'onFail' | 'onRemove';

/** onRemove looks back, as removal goes backwards. */
const LATER: Record<Trigger, boolean> = { onChange: true, onFail: true, onRemove: false };

export interface Targets {
  events: string[];
  commands: Flat[];
}

export interface TargetFault {
  path: readonly PropertyKey[];
  message: string;
  hint?: string;
}

export function isEvent(target: string): boolean {
  return target.startsWith(EVENT_PREFIX);
}

/** What a command's targets are. Targets without a meaning are left out: `targetFaults` tells of them. */
export function resolveTargets(all: readonly Flat[], from: Flat, trigger: Trigger): Targets {
  const targets = from.command[trigger] ?? [];
  const events = targets.filter(isEvent).map((target) => target.slice(EVENT_PREFIX.length));
  const named = targets.filter((target) => !isEvent(target));
  const commands = reachable(all, from, trigger).filter(({ command }) =>
    named.some((target) => matches(target, command.id, all, from)),
  );
  return { events, commands };
}

/** Those before or after it in its own group. */
function reachable(all: readonly Flat[], from: Flat, trigger: Trigger): Flat[] {
  const position = all.findIndex(({ key }) => key === from.key);
  return all.filter(
    ({ scope }, index) => scope === from.scope && (LATER[trigger] ? index > position : index < position),
  );
}

/** A target is an id if there is such a one, else a regular expression for whole ids. */
function matches(target: string, id: string, all: readonly Flat[], from: Flat): boolean {
  if (all.some(({ scope, command }) => scope === from.scope && command.id === target)) return id === target;
  return expression(target)?.test(id) ?? false;
}

function expression(target: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${target})$`, 'u');
  } catch {
    return undefined;
  }
}

/** Everything that is wrong with the targets and ids of a list. */
export function targetFaults(all: readonly Flat[]): TargetFault[] {
  const seen = new Set<string>();
  const duplicates = all.flatMap(({ key, at, path }): TargetFault[] => {
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [{ path: [...at, 'id'], message: `The id ${JSON.stringify(path)} is there twice` }];
  });
  const faults = all.flatMap((from) =>
    (Object.keys(LATER) as Trigger[]).flatMap((trigger) =>
      (from.command[trigger] ?? []).flatMap((target, index): TargetFault[] => {
        const fault = targetFault(all, from, trigger, target);
        return fault === undefined ? [] : [{ ...fault, path: [...from.at, trigger, index] }];
      }),
    ),
  );
  return [...duplicates, ...faults];
}

function targetFault(
  all: readonly Flat[],
  from: Flat,
  trigger: Trigger,
  target: string,
): { message: string; hint?: string } | undefined {
  const name = `${trigger} of ${JSON.stringify(from.path)}`;
  const shown = JSON.stringify(target);
  if (isEvent(target)) {
    if (EVENT_NAME.test(target.slice(EVENT_PREFIX.length))) return undefined;
    return { message: `${name} raises ${shown}, which is no name of an event` };
  }
  if (reachable(all, from, trigger).some(({ command }) => matches(target, command.id, all, from)))
    return undefined;
  if (matches(target, from.command.id, all, from)) return { message: `${name} names the command itself` };
  const scoped = all.filter(({ scope }) => scope === from.scope);
  if (scoped.some(({ command }) => matches(target, command.id, all, from)))
    return {
      message: `${name} names ${shown}, which comes ${LATER[trigger] ? 'earlier' : 'later'}`,
      hint: `${trigger} reaches only ${LATER[trigger] ? 'later' : 'earlier'} commands of the same list`,
    };
  const elsewhere = all.some(({ command, path }) => command.id === target || path.startsWith(`${target}/`));
  return {
    message: `${name} names ${shown}, and there is no such command`,
    ...(elsewhere && { hint: 'Ids are looked up in the same group only' }),
  };
}
