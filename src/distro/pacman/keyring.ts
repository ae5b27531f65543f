/** pacman's key ring: the distribution's, or the public keys that the configuration names. */
import type { StepContext } from '../../steps/types.ts';
import type { Source } from '../types.ts';
import { CONFIG, GPG_DIR } from './config.ts';

/** Each of the keys is trusted by itself. */
const IMPORT = `mkdir -m 700 ${GPG_DIR}
: > ${GPG_DIR}/pubring.gpg
gpg="gpg --batch --quiet --homedir ${GPG_DIR}"
$gpg --import "$@"
$gpg --with-colons --list-keys | awk -F: '/^pub/ { key = 1 } /^fpr/ && key { print $10 ":6:"; key = 0 }' > /work/trust
$gpg --import-ownertrust /work/trust
`;

/** The distribution's master keys vouch for those of its packagers: pacman-key(8) makes one that vouches for them. */
const POPULATE = `pacman-key --config ${CONFIG} --gpgdir ${GPG_DIR} --init
pacman-key --config ${CONFIG} --gpgdir ${GPG_DIR} --populate-from /usr/share/keyrings --populate archlinux
`;

/** Makes the key ring in the work directory. */
export async function makeKeyring(context: StepContext<Pick<Source, 'keyring'>>): Promise<void> {
  const { keyring } = context.params;
  context.progress('keys');
  await context.exec({
    argv: keyring === '' ? ['sh', '-euc', POPULATE] : ['sh', '-euc', IMPORT, 'sh', keyring],
  });
}
