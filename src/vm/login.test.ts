import { describe, expect, it } from 'vitest';
import { credentialString, loginCredential, oneTimeLogin, shadowLine } from './login.ts';
import { sha512Crypt } from './sha512-crypt.ts';

describe('login', () => {
  const login = { user: 'root', password: 'secret' };

  it('is a tmpfiles.d line with a hash, without the password', () => {
    const line = shadowLine(login, 'salt');
    expect(line).toMatch(
      /^f\+ \/etc\/shadow 0600 root root - root:\$6\$rounds=1000\$salt\$[^:]+:20000:0:99999:7:::\n$/,
    );
    expect(line).toContain(sha512Crypt('secret', 'salt'));
    expect(line).not.toContain('secret');
    // tmpfiles.d would take a % for a specifier.
    expect(line).not.toContain('%');
  });

  it('is a credential that systemd decodes', () => {
    const text = credentialString(loginCredential(login, 'salt'));
    const [name, value] = text.split(/=(.*)/s);
    expect(name).toBe('io.systemd.credential.binary:tmpfiles.extra');
    expect(Buffer.from(value!, 'base64').toString()).toBe(shadowLine(login, 'salt'));
  });

  it('is another one each time', () => {
    expect(oneTimeLogin().password).toMatch(/^[0-9a-z]{32}$/);
    expect(oneTimeLogin()).not.toEqual(oneTimeLogin());
  });
});
