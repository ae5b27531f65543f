import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { describeWith, run, scratch } from '../disk/testing.ts';
import { encodeName } from '../run/layer/name.ts';
import { paxTime, tarHeader, type TarHeader } from './tar-header.ts';

/** The archive/tar that linuxkit is built with, fed with headers as its reader would have filled them. */
const GO = `package main
import ("archive/tar"; "bytes"; "encoding/hex"; "encoding/json"; "fmt"; "os"; "strconv"; "strings"; "time")
type header struct { Path, Type, Link, Uname, Gname []byte; Mode, Size, Mtime, Major, Minor int64; Uid, Gid int; Records map[string][]byte }
func at(text string) time.Time {
  s, f, _ := strings.Cut(text, ".")
  secs, _ := strconv.ParseInt(s, 10, 64)
  nanos, _ := strconv.ParseInt((f + "000000000")[:9], 10, 64)
  return time.Unix(secs, nanos)
}
func main() {
  var all []header
  if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil { panic(err) }
  for _, h := range all {
    out := tar.Header{Format: tar.FormatPAX, Name: string(h.Path), Typeflag: h.Type[0], Linkname: string(h.Link),
      Uname: string(h.Uname), Gname: string(h.Gname), Mode: h.Mode, Size: h.Size, Uid: h.Uid, Gid: h.Gid,
      Devmajor: h.Major, Devminor: h.Minor, ModTime: time.Unix(h.Mtime, 0), PAXRecords: map[string]string{}}
    for k, v := range h.Records {
      out.PAXRecords[k] = string(v)
      switch k {
      case "mtime": out.ModTime = at(string(v))
      case "atime": out.AccessTime = at(string(v))
      case "ctime": out.ChangeTime = at(string(v))
      }
    }
    var b bytes.Buffer
    if err := tar.NewWriter(&b).WriteHeader(&out); err != nil { panic(err) }
    fmt.Println(hex.EncodeToString(b.Bytes()))
  }
}
`;

const letters = fc.constantFrom('a', 'b', 'Z', '0', '.', ' ', 'é', '木', '😀');
const name = (max: number) => fc.string({ unit: letters, minLength: 1, maxLength: max });
const path = fc.array(name(40), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
const id = fc.oneof(fc.nat(70_000), fc.integer({ min: 2 ** 21 - 1, max: 2 ** 31 }));
const time = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 34 }), fc.nat(999_999_999))
  .map(([seconds, nanos]) => `${seconds}.${String(nanos).padStart(9, '0')}`);

const header: fc.Arbitrary<TarHeader> = fc
  .record({
    path,
    type: fc.constantFrom('0', '1', '2', '3', '5'),
    mode: fc.nat(0o7777),
    uid: id,
    gid: id,
    size: fc.oneof(fc.nat(5000), fc.constant(2 ** 33), fc.constant(2 ** 33 - 1)),
    mtime: fc.nat(2 ** 32),
    link: path,
    ...{ major: fc.nat(4095), minor: fc.nat(2 ** 21 - 1) },
    ...{ uname: name(33), gname: name(10) },
    times: fc.record({ mtime: time, atime: time, ctime: time }, { requiredKeys: [] }),
    kept: fc.boolean(),
    more: fc.dictionary(fc.constantFrom('LINUXKIT.source', 'SCHILY.xattr.user.x', 'comment'), name(20)),
  })
  .map(({ times, more, kept, ...fields }) => {
    // Sizes count for files only, and links only for links.
    const size = fields.type === '0' ? fields.size : 0;
    const link = fields.type === '1' || fields.type === '2' ? fields.link : '';
    const mtime = times.mtime === undefined ? fields.mtime : Math.floor(Number(times.mtime));
    const asGiven = kept ? { path: fields.path, uid: String(fields.uid), uname: fields.uname } : {};
    const records = Object.entries({ ...times, ...more, ...asGiven }).map(
      ([key, value]): [string, Buffer] => {
        return [key, Buffer.from(value)];
      },
    );
    return { ...fields, size, link, mtime, records: new Map(records) };
  });

describeWith(['go'], 'headers of the tar', () => {
  it('are those that Go’s archive/tar writes, to the byte', { timeout: 300_000 }, () => {
    const headers = fc.sample(header, 3000);
    const file = join(scratch(), 'main.go');
    writeFileSync(file, GO);
    const base64 = (text: string) => encodeName(text).toString('base64');
    const input = headers.map((each) => ({
      ...each,
      ...{ path: base64(each.path), link: base64(each.link), uname: base64(each.uname) },
      ...{ gname: base64(each.gname), type: base64(each.type) },
      records: Object.fromEntries([...each.records].map(([key, value]) => [key, value.toString('base64')])),
    }));
    const env = { HOME: scratch(), GO111MODULE: 'off', GOFLAGS: '-p=1' };
    const ran = run(['go', 'run', file], { input: JSON.stringify(input), env });
    expect(ran.stderr).toBe('');
    const wanted = ran.stdout.trim().split('\n');
    expect(wanted).toHaveLength(headers.length);
    headers.forEach((each, i) => {
      const got = tarHeader(each).toString('hex');
      if (got !== wanted[i]) expect({ each, got }).toEqual({ each, got: wanted[i] });
    });
  });
});

const READ = `
import json, sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    print(json.dumps([[t.name, t.linkname, t.uid, t.gid, t.mode, t.type.decode(), t.uname] for t in tar]))
`;

test('headers are read by another program as they were meant', () => {
  const headers = fc.sample(header, 200).map((each) => ({ ...each, size: 0 }));
  const file = join(scratch(), 'a.tar');
  writeFileSync(file, Buffer.concat([...headers.map(tarHeader), Buffer.alloc(1024)]));
  const ran = run(['python3', '-c', READ, file]);
  expect(ran.stderr).toBe('');
  expect(JSON.parse(ran.stdout)).toEqual(
    headers.map(({ path, link, uid, gid, mode, type, uname }) => [
      ...[path.replace(/\/+$/, ''), link, uid, gid, mode, type, uname],
    ]),
  );
});

test.each([
  ['12.340', '12.34'],
  ['12', '12'],
  ['12.', '12'],
  ['0012.0000000001', '12'],
  ['-3.5', '-3.5'],
  ['soon', undefined],
])('the time %s is written as %s', (text, written) => {
  expect(paxTime(text)).toBe(written);
});
