/** Levels of exec made one, and the program that it means. */
import type { Exec } from './types.ts';

const DEFAULT_COMMAND = 'bash -e -o pipefail -c';

/** What the outermost level is laid over. */
const BASE: Exec = { command: DEFAULT_COMMAND, allowOverride: true };

/** One level after the other, as long as the levels above allow it. */
export function resolveExec(levels: readonly Exec[]): { exec: Exec; ignored: boolean } {
  let exec = BASE;
  for (const level of levels) {
    if (exec.allowOverride !== true) return { exec, ignored: true };
    exec = {
      ...exec,
      ...withoutUndefined(level),
      env: { ...exec.env, ...level.env },
      allowOverride: level.allowOverride ?? false,
    };
  }
  return { exec, ignored: false };
}

function withoutUndefined(level: Exec): Exec {
  return Object.fromEntries(Object.entries(level).filter(([, value]) => value !== undefined));
}

/** The program and its arguments that run a script. `variables` are handed into a container by name. */
export function scriptArgv(exec: Exec, script: string, variables: readonly string[]): string[] {
  const command = [...(exec.command ?? DEFAULT_COMMAND).trim().split(/\s+/), script];
  if (exec.containerImage === undefined) return command;
  const option = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`--${name}`, value];
  return [
    ...['docker', 'run', '--rm', '--interactive'],
    ...option('entrypoint', exec.containerEntrypoint),
    ...option('network', exec.containerNetwork),
    ...(exec.containerPrivileged === true ? ['--privileged'] : []),
    ...option('pull', exec.containerPull),
    ...option('user', exec.containerUser),
    ...option('workdir', exec.containerWorkDir),
    ...(exec.containerVolumes ?? []).flatMap((volume) => ['--volume', volume]),
    ...variables.flatMap((name) => ['--env', name]),
    exec.containerImage,
    ...command,
  ];
}
