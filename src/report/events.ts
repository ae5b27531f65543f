/** What happens during a run, as plain data. Reporters subscribe; nothing else prints. */
export type Event =
  | { type: 'run-start'; total: number }
  | { type: 'step-start'; step: string; stage: string; summary: string }
  | { type: 'step-progress'; step: string; text: string }
  | { type: 'step-log'; step: string; line: string }
  | { type: 'step-cached'; step: string; stage: string }
  | { type: 'step-end'; step: string; stage: string; ms: number }
  | { type: 'step-failed'; step: string; stage: string; ms: number; code: string; message: string }
  | { type: 'waiting'; step: string; reason: string }
  | { type: 'note'; text: string }
  | { type: 'warning'; text: string }
  | { type: 'run-end'; ok: boolean; ms: number; ran: number; cached: number };

export type Emit = (event: Event) => void;
