/** The plan: plain JSON that says which steps make the requested artifacts. Made without I/O other than reading inputs. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A file or directory of the workspace that a step reads; the digest covers contents, names and modes. */
export interface SourceInput {
  source: string;
  digest: string;
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
  /** Groups steps for people: init, bootstrap, refine, package, manifest. */
  stage: string;
  params: { [key: string]: Json };
  inputs: Record<string, Input>;
  /** Id of the step whose output `tree` is the tools tree; absent: the host's own tools. */
  tools?: string;
  /** Whether the sandbox shares the host's network. */
  network?: boolean;
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
  /** Seconds since the Unix epoch for all time stamps; absent: the date of the newest package. */
  epoch?: number;
  /** In an order in which every step comes after its inputs. */
  steps: Step[];
  artifacts: Artifact[];
}

export function isStepInput(input: Input): input is StepInput {
  return 'step' in input;
}
