/** Reads tars by another program than the one that wrote them. */
import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';

const READ = `
import json, sys, tarfile
rows = []
with tarfile.open(sys.argv[1]) as tar:
    for t in tar:
        data = tar.extractfile(t).read().decode('latin1') if t.isreg() else ''
        rows.append(dict(name=t.name, type=t.type.decode(), mode=oct(t.mode), owner=[t.uid, t.gid], link=t.linkname,
            mtime=t.mtime, data=data, pax=t.pax_headers))
print(json.dumps(rows))
`;

export interface Row {
  name: string;
  type: string;
  mode: string;
  owner: [number, number];
  link: string;
  mtime: number;
  data: string;
  pax: Record<string, string>;
}

/** All entries, as Python's tarfile sees them. */
export function readTar(file: string): Row[] {
  const { stdout, stderr } = spawnSync('python3', ['-c', READ, file], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Row[];
}
