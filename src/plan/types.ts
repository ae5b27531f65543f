/** The plan: plain JSON that says which steps make the requested artifacts. Made without I/O other than reading inputs. */

import type { Where } from '../errors.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A file or directory of the workspace that a step reads; the digest covers contents, names and modes. */
export interface SourceInput {
  /** Path below the workspace, or an absolute one. */
  source: string;
  digest: string;
  /** What people read instead of an absolute path. */
  name?: string;
}

/** An output of another step. */
export interface StepInput {
  step: string;
  output: string;
}

export type Input = SourceInput | StepInput;

export interface Step {
  /** Unique in the plan, such as `refine/50-units`. */
  id: string;
  kind: string;
  /** One of the stages of `plan/stages.ts`. */
  stage: string;
  params: { [key: string]: Json };
  inputs: Record<string, Input>;
  /** Id of the step whose output `tree` is the tools tree; absent: the host's own tools. */
  tools?: string;
  /** Whether the sandbox shares the host's network. */
  network?: boolean;
  /** Credentials that are handed to it. Their content is no input. */
  credentials?: string[];
  /** It finds out whether the build can come to its end: it runs every time, before all that does not lead to it. */
  first?: boolean;
  /** Where its configuration is written, for errors that are about it. No input. */
  origins?: Record<string, Where>;
  /** It changes the world outside, which only counts as done as long as nothing else was done there since. */
  outside?: boolean;
}

export interface Artifact {
  /** File name in the output directory. */
  name: string;
  step: string;
  output: string;
}

export interface Plan {
  /** `NAME_VARIANT_ARCH`: the stem of all artifact names. */
  name: string;
  /** All attributes, to tell the builds of one variant from those of another. */
  variant?: string;
  /** Seconds since the Unix epoch for all time stamps; absent: the date of the newest package. */
  epoch?: number;
  /** In an order in which every step comes after its inputs. */
  steps: Step[];
  artifacts: Artifact[];
}

export function isStepInput(input: Input): input is StepInput {
  return 'step' in input;
}
