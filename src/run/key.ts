/** Step keys: what a step's result depends on, and in words what changed since the last time. */
import { createHash } from 'node:crypto';
import { isStepInput, type Json, type Step } from '../plan/types.ts';
import type { Result } from './store.ts';

/** Everything that goes into a key. Kept after each run, so that `plan` can say what differs. */
export interface KeyParts {
  kind: string;
  code: string;
  params: { [key: string]: Json };
  inputs: Record<string, string>;
  /** Digest of the tools tree; `host` when the host's tools are used. */
  tools: string;
  network: boolean;
  epoch: number;
}

/** JSON with sorted keys: the same text for the same value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function stepKey(parts: KeyParts): string {
  return sha256(canonicalJson(parts));
}

/** Digest of one output of a result: file, set, tree and the facts that come with it. */
export function outputDigest(result: Result, output: string): string | undefined {
  const value = result.files[output] ?? result.sets[output] ?? result.trees[output];
  return value && sha256(canonicalJson({ value, facts: result.facts }));
}

/** Results of the steps before, by step id. */
export type Results = ReadonlyMap<string, Result>;

/** Parts of a step's key; undefined while a step it depends on has no result. */
export function keyParts(step: Step, code: string, results: Results, epoch?: number): KeyParts | undefined {
  const inputs: Record<string, string> = {};
  let newest = 0;
  for (const [name, input] of Object.entries(step.inputs)) {
    if (!isStepInput(input)) {
      inputs[name] = input.digest;
      continue;
    }
    const result = results.get(input.step);
    const digest = result && outputDigest(result, input.output);
    if (result === undefined || digest === undefined) return undefined;
    inputs[name] = digest;
    newest = Math.max(newest, result.epoch);
  }
  const toolsResult = step.tools === undefined ? undefined : results.get(step.tools);
  if (step.tools !== undefined && toolsResult === undefined) return undefined;
  const tools = toolsResult ? outputDigest(toolsResult, 'tree')! : 'host';
  const { kind, params, network = false } = step;
  return { kind, code, params, inputs, tools, network, epoch: epoch ?? newest };
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function short(value: Json | undefined): string {
  return value === undefined ? 'nothing' : cut(JSON.stringify(value));
}

/** One of a list, in full. */
function item(value: Json): string {
  return typeof value === 'string' ? value : canonicalJson(value);
}

function isRecord(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** The first difference between two sets of parameters. */
function paramsChange(
  prefix: string,
  before: KeyParts['params'],
  after: KeyParts['params'],
): string | undefined {
  const names = new Set([...Object.keys(after), ...Object.keys(before)]);
  const name = [...names].find((each) => !same(before[each], after[each]));
  return name === undefined ? undefined : paramChange(prefix + name, before[name], after[name]);
}

function paramChange(name: string, before: Json | undefined, after: Json | undefined): string {
  if (isRecord(before) && isRecord(after)) return paramsChange(`${name}.`, before, after)!;
  if (Array.isArray(before) && Array.isArray(after)) {
    const [old, fresh] = [before.map(item), after.map(item)];
    const added = fresh.filter((each) => !old.includes(each)).map((each) => `+${each}`);
    const removed = old.filter((each) => !fresh.includes(each)).map((each) => `-${each}`);
    const changes = [...added, ...removed];
    return `${name}: ${changes.length > 0 ? changes.slice(0, 6).map(cut).join(' ') : 'order changed'}`;
  }
  return `${name}: ${short(before)} is now ${short(after)}`;
}

/** The first thing in which a step's inputs differ from its last run, in words. */
export function firstDifference(step: Step, before: KeyParts | undefined, after: KeyParts): string {
  if (before === undefined) return 'never built here';
  if (before.kind !== after.kind) return `the step is now a ${after.kind}`;
  const params = paramsChange('parameter ', before.params, after.params);
  if (params !== undefined) return params;
  for (const [name, digest] of Object.entries(after.inputs)) {
    if (before.inputs[name] === digest) continue;
    const input = step.inputs[name]!;
    const what = isStepInput(input) ? `${input.output} of ${input.step}` : (input.name ?? input.source);
    return before.inputs[name] === undefined ? `${what} is a new input` : `${what} changed`;
  }
  for (const name of Object.keys(before.inputs)) if (!(name in after.inputs)) return `input ${name} is gone`;
  if (before.code !== after.code) return `the code of ${after.kind} changed`;
  if (before.tools !== after.tools) return 'the tools tree changed';
  if (before.epoch !== after.epoch) return `the epoch is now ${after.epoch}`;
  if (before.network !== after.network) return 'its network access changed';
  return 'its result is no longer in the store';
}

/** A file name for a step id. */
export function fileName(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9._-]+/g, '_');
}
