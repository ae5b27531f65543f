/** Runs the commands of a pattern. */
import { OsmithError } from '../errors.ts';
import { diffCommands } from './diff.ts';
import { resolveExec } from './exec.ts';
import { runScript, type ScriptResult } from './script.ts';
import { type Flat, flatten, isEvent, resolveTargets, targetFaults, type Trigger } from './targets.ts';
import type { CommandList, CommandResult, Phase, RaisedEvent, RunOptions, RunReport } from './types.ts';

/** Longer output is not handed on: a program's variables have room for 128 KiB each. */
const MAX_VARIABLE = 65_536;

interface Run {
  options: RunOptions;
  report: RunReport;
  /** Variables that commands with a prefix hand on, and those of the last command without one. */
  handed: Record<string, string>;
  last: Record<string, string>;
  /** Keys of the commands that others have triggered. */
  triggered: Set<string>;
}

/** A command that is being worked on, with the variables it has set so far. */
interface Active extends Flat {
  own: Record<string, string>;
}

/** Commands of one list in their places, with the levels of exec around the list. */
interface FlatList {
  all: Flat[];
  exec: CommandList['exec'];
}

/** Throws E_PATTERN before anything runs when a target cannot be resolved; a script that fails is in the report. */
export async function runCommands(options: RunOptions): Promise<RunReport> {
  const list = flatList(options);
  const faults = targetFaults(list.all);
  if (faults.length > 0) {
    const [first, ...also] = faults.map(
      ({ message, hint }) => new OsmithError('E_PATTERN', message, { hint }),
    );
    throw new OsmithError('E_PATTERN', first!.message, {
      ...first!.details,
      ...(also.length > 0 && { also }),
    });
  }
  const report: RunReport = { changed: [], removed: [], err: '', events: [], results: [] };
  const run: Run = { options, report, handed: {}, last: {}, triggered: new Set() };
  if (options.mode === 'check') await checkAll(run, list);
  else if (options.mode === 'remove') await removeAll(run, list, list.all);
  else {
    const previous = flatList(options.previous ?? { commands: [] });
    const { before, after } = diffCommands(previous.all, list.all);
    await removeAll(run, previous, before);
    await changeAll(run, list);
    await removeAll(run, previous, after);
  }
  return report;
}

function flatList({ commands, exec }: CommandList): FlatList {
  return { all: flatten(commands), exec };
}

function failed({ report }: Run): boolean {
  return report.failed !== undefined;
}

/** Works on one command after the other; what each has set is there for the next. */
async function forEach(
  run: Run,
  flats: readonly Flat[],
  work: (active: Active) => Promise<unknown>,
): Promise<void> {
  run.triggered = new Set();
  for (const flat of flats) {
    if (run.options.signal?.aborted === true)
      fail(run, flat.path, 'check', { exit: 143, stdout: '', tail: [] });
    // Once something has failed, only what that failure has triggered still runs.
    if (run.options.signal?.aborted === true || (failed(run) && !run.triggered.has(flat.key))) {
      run.options.emit?.({ type: 'skip', id: flat.path, reason: 'an earlier command failed' });
      continue;
    }
    const active = { ...flat, own: {} };
    await work(active);
    handOn(run, active);
  }
}

async function checkAll(run: Run, list: FlatList): Promise<void> {
  await forEach(run, list.all, async (active) => {
    if ((await check(run, list, active)) === false) run.report.changed.push(active.path);
  });
}

async function changeAll(run: Run, list: FlatList): Promise<void> {
  await forEach(run, list.all, async (active) => {
    const { command, path, key } = active;
    const passed = await check(run, list, active);
    if (passed === 'stopped') return;
    const wanted = command.always === true || passed === false || run.triggered.has(key);
    if (!wanted || command.change === undefined) {
      run.options.emit?.({ type: 'skip', id: path, reason: 'nothing to do' });
      return;
    }
    const result = await runPhase(run, list, active, 'change', command.change);
    if (result.exit === 0) {
      run.report.changed.push(path);
      trigger(run, list, active, 'onChange', result.stdout);
    } else {
      fail(run, path, 'change', result);
      run.triggered = new Set();
      trigger(run, list, active, 'onFail', result.stdout);
    }
  });
}

/** Backwards, and only those of the list that are named. */
async function removeAll(run: Run, list: FlatList, named: readonly Flat[]): Promise<void> {
  await forEach(run, named.toReversed(), async (active) => {
    if (failed(run)) return;
    const { command, path, key } = active;
    const passed = await check(run, list, active);
    if (passed === 'stopped') return;
    const wanted = command.always === true || passed === true || run.triggered.has(key);
    if (!wanted || command.remove === undefined) {
      run.options.emit?.({ type: 'skip', id: path, reason: 'nothing to do' });
      return;
    }
    const result = await runPhase(run, list, active, 'remove', command.remove);
    if (result.exit === 0) {
      run.report.removed.push(path);
      trigger(run, list, active, 'onRemove', result.stdout);
    } else {
      fail(run, path, 'remove', result);
      raise(run, path, resolveTargets(list.all, active, 'onFail').events, result.stdout);
    }
  });
}

/** Whether the check passed; undefined when there is none. */
async function check(run: Run, list: FlatList, active: Active): Promise<boolean | 'stopped' | undefined> {
  const { check: script, envPrefix = '' } = active.command;
  active.own[`${envPrefix}_CHECK`] = '0';
  if (script === undefined) return undefined;
  delete active.own[`${envPrefix}_CHECK`];
  const result = await runPhase(run, list, active, 'check', script);
  if (run.options.signal?.aborted === true) {
    fail(run, active.path, 'check', result);
    return 'stopped';
  }
  return result.exit === 0;
}

async function runPhase(
  run: Run,
  list: FlatList,
  active: Active,
  phase: Phase,
  script: string,
): Promise<ScriptResult> {
  const { options, report } = run;
  const { path, command } = active;
  const { exec, ignored } = resolveExec([...(list.exec ?? []), ...active.exec]);
  if (ignored) options.emit?.({ type: 'exec-ignored', id: path });
  options.emit?.({ type: 'start', id: path, phase });
  const carried =
    phase !== 'check' && (command[phase === 'change' ? 'onChange' : 'onRemove'] ?? []).some(isEvent);
  const result = await runScript(script, {
    exec,
    env: { ...options.env, ...exec.env, ...run.last, ...run.handed, ...active.own },
    stdin: command.stdin,
    signal: options.signal,
    output: (stream, text) =>
      options.emit?.({
        type: 'output',
        id: path,
        phase,
        stream,
        text,
        carried: carried && stream === 'stdout',
      }),
  });
  options.emit?.({ type: 'end', id: path, phase, exit: result.exit });
  resultOf(report, path)[phase] = result.exit;
  note(active, phase, result);
  return result;
}

function resultOf(report: RunReport, id: string): CommandResult {
  const known = report.results.find((result) => result.id === id);
  if (known !== undefined) return known;
  const fresh: CommandResult = { id };
  report.results.push(fresh);
  return fresh;
}

/** Sets the variables that say how a script went. Output is handed on only under a prefix. */
function note({ command, own }: Active, phase: Phase, { exit, stdout }: ScriptResult): void {
  const { envPrefix } = command;
  const name = `${envPrefix ?? ''}_${phase.toUpperCase()}`;
  own[name] = exit === 0 ? '0' : '1';
  if (envPrefix === undefined || stdout.length > MAX_VARIABLE || stdout.includes('\0')) return;
  own[phase === 'check' ? envPrefix : `${name}_OUT`] = stdout;
}

/** What a command has set replaces all that the last one of the same prefix has. */
function handOn(run: Run, { command: { envPrefix }, own }: Active): void {
  if (envPrefix === undefined) {
    run.last = own;
    return;
  }
  for (const suffix of ['', '_CHECK', '_CHANGE', '_CHANGE_OUT', '_REMOVE', '_REMOVE_OUT'])
    delete run.handed[envPrefix + suffix];
  Object.assign(run.handed, own);
}

function fail({ report, options }: Run, id: string, phase: Phase, { exit, tail }: ScriptResult): void {
  if (report.failed !== undefined) return; // the first one is the cause
  report.failed = { id, phase, exit, tail };
  const stopped = options.signal?.aborted === true;
  report.err = stopped ? `${id}: ${phase} was stopped` : `${id}: ${phase} failed with exit code ${exit}`;
}

function trigger(run: Run, list: FlatList, flat: Flat, kind: Trigger, stdout: string): void {
  const { commands, events } = resolveTargets(list.all, flat, kind);
  for (const { key } of commands) run.triggered.add(key);
  raise(run, flat.path, events, stdout);
}

function raise({ report, options }: Run, id: string, names: string[], value: string): void {
  for (const name of names) {
    const event: RaisedEvent = { name, id, value };
    report.events.push(event);
    if (name === 'exit') report.exit = exitCode(value);
    options.emit?.({ type: 'raise', event });
  }
}

/** What was printed, if that is an exit code; else all went well. */
function exitCode(value: string): number {
  const code = Number(value.trim());
  return Number.isInteger(code) && code >= 0 && code < 256 ? code : 0;
}
