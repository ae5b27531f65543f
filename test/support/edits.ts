/** Random edits of a directory tree, for tree.py. */
import fc from 'fast-check';

const b64 = (bytes: number[]) => Buffer.from(bytes).toString('base64');

// Few names, so that edits meet; long ones, and one that is not UTF-8 (as Python writes it).
const ODD = ['c', '-', 'ü 名\n', 'bytes\udce9\udcff', 'long'.repeat(30), 'y'.repeat(250)];
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constant('a') },
  { weight: 2, arbitrary: fc.constant('b') },
  { weight: 3, arbitrary: fc.constantFrom(...ODD) },
);
const path = fc.array(name, { minLength: 1, maxLength: 3 });
const id = fc.constantFrom(0, 1, 33, 1000, 65534);

/** Version 2 of `struct vfs_cap_data`: what `setcap` writes, with bytes above 0x7f. */
const CAPABILITY = [1, 0, 0, 2, 0xff, 0xb4, 0x80, 0xc3, 0, 0, 0, 0, 0xff, 1, 0, 0, 0, 0, 0, 0];
/** u::rw-,u:33:r--,g::r--,m::r--,o::--- as the kernel stores an access control list. */
const ACL = [
  ...[2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 33, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255],
  ...[16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255],
];
const xattr = fc.oneof(
  fc.constantFrom(
    { name: 'security.capability', value: b64(CAPABILITY) },
    { name: 'system.posix_acl_access', value: b64(ACL) },
    { name: 'user.empty', value: '' },
    { name: 'user.a=b%', value: b64([10, 61, 0]) },
  ),
  fc.record({
    name: fc.constantFrom('user.x', 'user.y'),
    value: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => b64([...bytes])),
  }),
);

const op = <O extends string, T extends object>(name: O, rest: fc.Arbitrary<T>) =>
  fc.record({ op: fc.constant(name), path }).chain((base) => rest.map((more) => ({ ...base, ...more })));
const none = fc.constant({});
const data = fc.string({ minLength: 1, maxLength: 8 });

export const edit = fc.oneof(
  { weight: 4, arbitrary: op('mkdir', none) },
  { weight: 4, arbitrary: op('write', fc.record({ data, times: fc.constantFrom(0, 1, 200) })) },
  { weight: 1, arbitrary: op('append', none) },
  { weight: 2, arbitrary: op('remake', none) },
  { weight: 2, arbitrary: op('remove', none) },
  { weight: 2, arbitrary: op('symlink', fc.record({ data: fc.constantFrom('a', '../b', 'é'.repeat(70)) })) },
  { weight: 3, arbitrary: op('link', fc.record({ to: path })) },
  { weight: 2, arbitrary: op('rename', fc.record({ to: path })) },
  { weight: 1, arbitrary: op('mkfifo', none) },
  {
    weight: 2,
    arbitrary: op(
      'chmod',
      fc.record({ mode: fc.constantFrom(0, 0o644, 0o700, 0o1777, 0o2755, 0o4755, 0o6711) }),
    ),
  },
  { weight: 2, arbitrary: op('chown', fc.record({ uid: id, gid: id })) },
  { weight: 1, arbitrary: op('utime', fc.record({ time: fc.constantFrom(-5, 1, 1_234_567_890.5, 4e9) })) },
  { weight: 2, arbitrary: op('xattr', xattr) },
  { weight: 1, arbitrary: op('unxattr', fc.record({ name: fc.constantFrom('user.x', 'user.empty') })) },
);

export type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;
