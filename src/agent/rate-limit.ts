/** A bucket of permissions that fills with time. */
export function rateLimit(perSecond: number, burst: number, now: () => number): () => boolean {
  let level = burst;
  let last = now();
  return () => {
    const time = now();
    // A clock that was set back fills nothing.
    level = Math.min(burst, level + (Math.max(0, time - last) / 1000) * perSecond);
    last = time;
    if (level < 1) return false;
    level -= 1;
    return true;
  };
}
