/** What to leave out of an image that is too large. */
import { matchesGlob } from '../config/glob.ts';
import { bySize } from './apps.ts';
import { parseRef } from './ref.ts';
import type { ResolvedRef } from './types.ts';

export interface TrimOptions {
  /** Bytes of download size that are too much. */
  excess: number;
  /** Patterns of ids that must stay. */
  keep: readonly string[];
  /** Patterns of ids that go first. */
  removeFirst: readonly string[];
}

export type Verdict = 'Yes' | 'Maybe' | 'No';

export interface Trimmed {
  /** By ref. */
  verdicts: Map<string, Verdict>;
  /** Bytes that are still too much; below 0: that are free. */
  left: number;
}

/** First what goes first, then the largest, until it is enough. Greedy, so that people can follow it. */
export function trim(refs: readonly ResolvedRef[], { excess, keep, removeFirst }: TrimOptions): Trimmed {
  const verdicts = new Map<string, Verdict>();
  const matches = ({ ref }: ResolvedRef, patterns: readonly string[]) =>
    patterns.some((pattern) => matchesGlob(pattern, parseRef(ref).id));
  const sorted = bySize(refs);
  for (const each of sorted.filter((ref) => matches(ref, keep))) verdicts.set(each.ref, 'No');
  let left = excess;
  const take = (candidates: ResolvedRef[], verdict: Verdict) => {
    for (const { ref, downloadSize } of candidates) {
      if (left <= 0) return;
      if (verdicts.has(ref)) continue;
      verdicts.set(ref, verdict);
      left -= downloadSize;
    }
  };
  take(
    sorted.filter((ref) => matches(ref, removeFirst)),
    'Yes',
  );
  take(sorted, 'Maybe');
  return { verdicts, left };
}
