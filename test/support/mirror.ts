/** A package mirror on this machine: hands on what the real one has, and misbehaves when told to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Mirror {
  url: string;
  /** What happens to package files: index files are handed on as they are, unless it is silent. */
  mode: 'work' | 'cut' | 'alter' | 'gone' | 'silent';
  /** Paths of the package files that were asked for. */
  requests: string[];
  [Symbol.asyncDispose]: () => Promise<void>;
}

async function answer(
  mirror: Mirror,
  real: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url!;
  if (mirror.mode === 'silent') return;
  const isPackage = path.endsWith('.deb');
  if (isPackage) mirror.requests.push(path);
  if (isPackage && mirror.mode === 'gone') {
    response.writeHead(404).end();
    return;
  }
  const found = await fetch(real + path.replace(/^\/debian/, ''));
  const body = Buffer.from(await found.arrayBuffer());
  if (isPackage && mirror.mode === 'alter') body[body.length >> 1]! ^= 1;
  response.writeHead(found.status, { 'content-length': body.length });
  if (isPackage && mirror.mode === 'cut') response.write(body.subarray(0, 1000), () => response.destroy());
  else response.end(body);
}

/** `real`: the URL of the mirror to take everything from. */
export async function startMirror(real: string): Promise<Mirror> {
  const server = createServer((request, response) => {
    answer(mirror, real, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const mirror: Mirror = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`,
    ...{ mode: 'work', requests: [] },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return mirror;
}
