/** A real sshd on loopback with keys of its own, for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { freePort, untilListening } from './testing.ts';

const SSHD = '/usr/sbin/sshd';

export interface SshServer {
  port: number;
  user: string;
  /** Private key that is let in. */
  key: string;
  /** Another key, which is not. */
  stranger: string;
  /** `TYPE KEY` of the server, as known_hosts has it after the host's name. */
  hostKey: string;
  close: () => Promise<void>;
}

/** Why there can be none on this machine; undefined: there can. */
export async function lacksSshd(): Promise<string | undefined> {
  for (const file of [SSHD, '/usr/bin/ssh', '/usr/bin/ssh-keygen'])
    if (!(await access(file).then(...([() => true, () => false] as const)))) return `${file} is not there`;
  return undefined;
}

/** `wrap`: a program that starts it, such as one that makes a namespace. */
export async function startSshd(dir: string, wrap: readonly string[] = []): Promise<SshServer> {
  const [host, key, stranger] = ['host', 'key', 'stranger'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(dir, { recursive: true });
  for (const file of [host, key, stranger])
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  const port = await freePort();
  const config = join(dir, 'sshd_config');
  await writeFile(join(dir, 'authorized'), await readFile(`${key}.pub`));
  await writeFile(
    config,
    [
      ...[`ListenAddress 127.0.0.1:${port}`, `HostKey ${host}`, 'PidFile none'],
      ...[`AuthorizedKeysFile ${join(dir, 'authorized')}`, 'StrictModes no', 'UsePAM no'],
      ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no'],
      ...['PermitRootLogin prohibit-password', 'MaxStartups 100'],
      // Keeps bash from reading the user's start-up file, which can take a second.
      ...['SetEnv SHLVL=1', ''],
    ].join('\n'),
  );
  // Where it is root it confines itself to this directory, which the service makes otherwise.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  const [program = '', ...args] = [...wrap, SSHD, '-D', '-e', '-f', config];
  const server = spawn(program, args, { stdio: 'ignore' });
  await untilListening(port);
  const [type, data] = (await readFile(`${host}.pub`, 'utf8')).split(' ');
  return {
    ...{ port, user: userInfo().username, key, stranger, hostKey: `${type} ${data!.trim()}` },
    close: async () => {
      if (server.exitCode !== null) return;
      server.kill();
      await once(server, 'exit');
    },
  };
}
