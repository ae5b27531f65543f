/** The syntax tree of a Jsonnet file. */
import type { Place } from './error.ts';

export interface Param {
  name: string;
  fallback: Node | undefined;
}

export interface Bind {
  name: string;
  value: Node;
}

export interface Argument {
  name: string | undefined;
  value: Node;
}

export type Visibility = ':' | '::' | ':::';

export interface Assertion {
  condition: Node;
  message: Node | undefined;
}

export interface Field {
  /** Evaluates to the name; null leaves the field out. */
  name: Node;
  visibility: Visibility;
  /** Whether the inherited value is added to. */
  plus: boolean;
  body: Node;
}

/** `for NAME in VALUE`, or `if VALUE`. */
export interface Clause {
  name: string | undefined;
  value: Node;
}

export type Node = { at: Place } & (
  | { type: 'literal'; value: null | boolean | number | string }
  | { type: 'name'; name: string }
  | { type: 'self' }
  | { type: 'root' }
  | { type: 'super'; index: Node }
  | { type: 'inSuper'; name: Node }
  | { type: 'index'; target: Node; index: Node }
  | { type: 'slice'; target: Node; from: Node | undefined; to: Node | undefined; step: Node | undefined }
  | { type: 'call'; target: Node; args: Argument[]; strict: boolean }
  | { type: 'function'; params: Param[]; body: Node }
  | { type: 'local'; binds: Bind[]; body: Node }
  | { type: 'if'; condition: Node; then: Node; else: Node | undefined }
  | { type: 'unary'; operator: string; value: Node }
  | { type: 'binary'; operator: string; left: Node; right: Node }
  | { type: 'array'; items: Node[] }
  | { type: 'arrayComprehension'; item: Node; clauses: Clause[] }
  | { type: 'object'; locals: Bind[]; asserts: Assertion[]; fields: Field[] }
  | { type: 'objectComprehension'; locals: Bind[]; field: Field; clauses: Clause[] }
  | { type: 'assert'; assertion: Assertion; body: Node }
  | { type: 'error'; message: Node }
  | { type: 'import'; path: string; asText: boolean }
);
