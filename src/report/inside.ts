import type { Emit } from './events.ts';

/** For a run inside of another one, which it neither begins nor ends. */
export function inside(emit: Emit): Emit {
  return (event) => {
    if (event.type !== 'run-start' && event.type !== 'run-end') emit(event);
  };
}
