/**
 * Lets us into a system whose root account is locked and that has no network service, without changing its image:
 * systemd reads credentials from the machine's SMBIOS strings (systemd.system-credentials(7)), and systemd-tmpfiles
 * takes further lines from the credential `tmpfiles.extra`. One such line rewrites /etc/shadow in the running system.
 * Whoever can set a machine's SMBIOS strings owns that machine anyway.
 */
import { oneTimeSecret } from '../env.ts';
import { sha512Crypt } from './sha512-crypt.ts';

export interface Login {
  user: string;
  password: string;
}

/** Root with a password that only this machine knows. */
export function oneTimeLogin(): Login {
  return { user: 'root', password: oneTimeSecret() };
}

/**
 * The tmpfiles.d line. It replaces the whole file: accounts other than root have no passwords in our images, and a
 * missing entry means the same as a locked one. In a system that keeps /etc on disk this would last: such disks are
 * only ever started as snapshots with it. Only Debian's family has a group `shadow`.
 */
export function shadowLine({ user, password }: Login, salt: string): string {
  return `f+ /etc/shadow 0600 root root - ${user}:${sha512Crypt(password, salt)}:20000:0:99999:7:::\n`;
}

/** The credential's name for systemd, and its content. */
export function loginCredential(login: Login, salt: string = oneTimeSecret().slice(0, 16)): [string, string] {
  return ['tmpfiles.extra', shadowLine(login, salt)];
}

/** A credential as an SMBIOS OEM string. Base64 spares us questions of quoting. */
export function credentialString([name, content]: [string, string]): string {
  return `io.systemd.credential.binary:${name}=${Buffer.from(content).toString('base64')}`;
}
