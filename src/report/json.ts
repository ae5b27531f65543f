import { now } from '../env.ts';
import type { Output, Reporter } from './reporter.ts';

/** Every event as one line of JSON with the time it happened. */
export function jsonReporter(stream: Output, clock: () => number = now): Reporter {
  return {
    emit: (event) => {
      stream.write(`${JSON.stringify({ time: new Date(clock()).toISOString(), ...event })}\n`);
    },
    pause: () => {},
    resume: () => {},
    close: () => {},
  };
}
