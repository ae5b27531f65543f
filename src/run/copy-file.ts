/**
 * Copies a file by cp: file systems that can share blocks do, and holes stay holes. Throws an Error with what cp said, or
 * the signal's reason.
 */
export async function copyFile(
  from: string,
  to: string,
  { sparse, signal }: { sparse: 'auto' | 'always'; signal?: AbortSignal | undefined },
): Promise<void> {
  const options = [`--sparse=${sparse}`, '--reflink=auto', '--no-preserve=mode'];
  const { execa } = await import('execa'); // loading it takes longer than a build with nothing to do
  const { failed, stderr, shortMessage } = await execa('cp', [...options, from, to], {
    reject: false,
    ...(signal && { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (failed) throw new Error(stderr || shortMessage);
}

/** Whether an error says that a file system is full. */
export function isFull({ message }: Error): boolean {
  return /No space left|quota exceeded|ENOSPC|EDQUOT/.test(message);
}
