/** What is read out of a commit and of what ostree (2022.7 to 2025.2) says of it. */

/** `2026-01-31T12:00:00+0000`, of what `ostree show` prints, which is always UTC. */
export function commitDate(shown: string): string {
  const [, date, time] = /^Date: +(\S+) (\S+) \+0000$/m.exec(shown) ?? [];
  if (date === undefined) throw new TypeError(`ostree says no date: ${JSON.stringify(shown)}`);
  return `${date}T${time}+0000`;
}

/** VERSION of an os-release, without the quotes around it; null: it has none, such as that of a rolling release. */
export function osVersion(osRelease: string): string | null {
  const value = /^VERSION=(.*)$/m.exec(osRelease)?.[1]?.trim();
  return value?.replace(/^(["'])(.*)\1$/, '$2') ?? null;
}
