/** Does one thing after the other. */
export type Queue = <T>(job: () => Promise<T>) => Promise<T>;

export function queue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return async (job) => {
    const result = last.then(job);
    last = result.catch(() => {});
    return result;
  };
}
