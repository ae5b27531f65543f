/** Runs jobs side by side as far as the machine's memory and processors go. */

export interface Cost {
  /** MiB. */
  memory: number;
  cpus: number;
}

/** Whether a job can start beside those that run. One may always run, however large. */
export function fits(cost: Cost, running: readonly Cost[], budget: Cost): boolean {
  if (running.length === 0) return true;
  const used = (field: keyof Cost) => running.reduce((sum, each) => sum + each[field], 0);
  return used('memory') + cost.memory <= budget.memory && used('cpus') + cost.cpus <= budget.cpus;
}

/** Results in the order of the jobs. The first job that throws ends the wait for all; those that run are awaited. */
export async function runPool<T>(jobs: { cost: Cost; run: () => Promise<T> }[], budget: Cost): Promise<T[]> {
  const results: T[] = [];
  const running = new Map<Promise<void>, Cost>();
  const waiting = jobs.map((job, index) => ({ ...job, index }));
  let failure: { error: unknown } | undefined;
  while ((waiting.length > 0 && failure === undefined) || running.size > 0) {
    const next = waiting.findIndex(({ cost }) => fits(cost, [...running.values()], budget));
    if (next >= 0 && failure === undefined) {
      const [job] = waiting.splice(next, 1);
      const done: Promise<void> = job!
        .run()
        .then(
          (value) => void (results[job!.index] = value),
          (error: unknown) => void (failure ??= { error }),
        )
        .finally(() => running.delete(done));
      running.set(done, job!.cost);
    } else await Promise.race(running.keys());
  }
  if (failure !== undefined) throw failure.error;
  return results;
}
