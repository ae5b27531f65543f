/** A real S3 server on loopback, which checks signatures, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';

const PYTHON = '/usr/bin/python3';

export interface S3Server {
  port: number;
  /** For the environment: who owns the buckets. */
  owner: Record<string, string>;
  close: () => Promise<void>;
}

/** Why there can be none on this machine; undefined: there can. */
export async function lacksS3(): Promise<string | undefined> {
  const { failed } = await execa(PYTHON, ['-c', 'import swift.proxy, swift.obj, swift.container'], {
    reject: false,
  });
  return failed ? 'OpenStack Swift is not there' : undefined;
}

export async function startS3(dir: string): Promise<S3Server> {
  const args = [join(import.meta.dirname, 's3-server.py'), dir, 'test:owner', 'right-secret', 'test2:other'];
  const server = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const [data] = (await Promise.race([
    once(server.stdout, 'data'),
    once(server, 'exit').then(() => Promise.reject(new Error('the S3 server ended'))),
  ])) as [Buffer];
  return {
    port: Number(data.toString()),
    owner: {
      AWS_ACCESS_KEY_ID: 'test:owner',
      AWS_SECRET_ACCESS_KEY: 'right-secret',
      AWS_REGION: 'us-east-1',
    },
    close: async () => {
      const gone = once(server, 'exit');
      server.stdin.end();
      await gone;
    },
  };
}
