/** A real registry on this machine, without a login. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Registry {
  /** `127.0.0.1:PORT` */
  host: string;
  stop: () => void;
}

/** Its images are in `dir/data`. */
export async function startRegistry(dir: string): Promise<Registry> {
  const socket = createServer();
  await new Promise<void>((ready) => socket.listen(0, '127.0.0.1', ready));
  const { port } = socket.address() as AddressInfo;
  await new Promise((closed) => socket.close(closed));
  const host = `127.0.0.1:${port}`;
  const config = {
    version: '0.1',
    storage: { filesystem: { rootdirectory: join(dir, 'data') } },
    http: { addr: host },
  };
  const file = join(dir, 'registry.json');
  writeFileSync(file, JSON.stringify(config));
  const server = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
  for (let tries = 0; tries < 600; tries += 1) {
    if (await fetch(`http://${host}/v2/`).catch(() => undefined))
      return { host, stop: () => void server.kill() };
    await sleep(100);
  }
  server.kill();
  throw new Error('docker-registry does not start');
}
