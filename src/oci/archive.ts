/** Image layouts in one tar, as `osmith build` makes them of containers. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { OsmithError } from '../errors.ts';

const MEMBER = /^(?:oci-layout|index\.json|blobs\/sha256\/[0-9a-f]{64})$/;

/** Unpacks the layout into a directory; what only `docker load` reads is left out. Throws E_IMAGE. */
export async function unpackImage(file: string, dir: string): Promise<void> {
  const reader = extract();
  const done = pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), reader);
  // Awaited below; until then a fault shall not end the process.
  done.catch(() => {});
  let found = false;
  try {
    for await (const entry of reader) {
      const { name, type } = entry.header;
      if (type === 'file' && MEMBER.test(name)) {
        found = true;
        await mkdir(dirname(join(dir, name)), { recursive: true });
        await pipeline(entry, createWriteStream(join(dir, name)));
      } else entry.resume();
    }
    await done;
  } catch (cause) {
    throw new OsmithError('E_IMAGE', `${file} cannot be unpacked: ${(cause as Error).message}`, { cause });
  }
  if (found) return;
  throw new OsmithError('E_IMAGE', `${file} has no OCI image layout in it`, {
    hint: 'Name a tar that holds oci-layout, index.json and blobs/, such as NAME.os.oci.tar or NAME.oci.tar of a build',
  });
}
