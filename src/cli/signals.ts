/**
 * One AbortSignal for the whole process: the first ^C (or SIGTERM, SIGHUP) asks everything to stop and clean up,
 * the second one ends the process at once. Children started in a sandbox die with it.
 */
import { EXIT, OsmithError } from '../errors.ts';

const controller = new AbortController();

/** Commands hand this on; its reason is E_INTERRUPTED. */
export const interruption: AbortSignal = controller.signal;

/** Starts listening. Called once, by main. */
export function listenForSignals(): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT.build);
      controller.abort(
        new OsmithError('E_INTERRUPTED', `Stopped by ${name}`, {
          hint: 'Run the same command again: it continues with what is already in the store',
        }),
      );
    });
  }
}
