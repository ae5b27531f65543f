/** Gathers files as an archive or a directory hands them out, and digests them piece by piece. */
import { createHash, type Hash } from 'node:crypto';
import { isKernel, isModule, isModuleKey, neutralKernel, neutralModule } from './neutral.ts';
import type { FileFacts, Listing } from './types.ts';

/** Kernels and modules are held in memory while they are read; what is larger is compared as it is. */
const MAX_HELD = 512 << 20;

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export class Collector {
  readonly listing: Listing = new Map();
  readonly #keys: Buffer[] = [];
  readonly #kernels: { path: string; content: Buffer }[] = [];
  readonly #links: { path: string; target: string }[] = [];
  #current:
    { path: string; facts: FileFacts; hash: Hash; held: Buffer[] | undefined; left: number } | undefined;

  add(path: string, facts: FileFacts): void {
    if (path !== '') this.listing.set(path, facts);
  }

  /** Another name of a file that came before or comes later. */
  link(path: string, target: string): void {
    this.#links.push({ path, target });
  }

  /** A file whose content follows in pieces. */
  file(path: string, facts: FileFacts & { size: number }): void {
    this.add(path, facts);
    const held =
      (isKernel(path) || isModule(path) || isModuleKey(path)) && facts.size <= MAX_HELD ? [] : undefined;
    this.#current = { path, facts, hash: createHash('sha256'), held, left: facts.size };
    if (facts.size === 0) this.#finish();
  }

  data(piece: Buffer): void {
    const current = this.#current!;
    current.hash.update(piece);
    current.held?.push(Buffer.from(piece));
    current.left -= piece.length;
    if (current.left === 0) this.#finish();
  }

  #finish(): void {
    const { path, facts, hash, held } = this.#current!;
    this.#current = undefined;
    facts.digest = hash.digest('hex');
    if (held === undefined) return;
    const content = Buffer.concat(held);
    if (isModuleKey(path)) {
      this.#keys.push(content);
      // Whichever it is.
      facts.neutral = 'key';
    } else if (isModule(path)) facts.neutral = sha256(neutralModule(content));
    else this.#kernels.push({ path, content });
  }

  /** The finished listing. */
  end(): Listing {
    for (const { path, content } of this.#kernels) {
      this.listing.get(path)!.neutral = sha256(neutralKernel(content, this.#keys));
    }
    for (const { path, target } of this.#links) {
      const facts = this.listing.get(target);
      this.add(path, facts ?? { type: 'file', detail: `link to ${target}, which is not there` });
    }
    return this.listing;
  }
}
