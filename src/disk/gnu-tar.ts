/** GNU tar: archives of a sparse file. */

/** `member` in the working directory, which may be a link; the format is the one that Google's importer reads. */
export function sparseTarArgv(member: string, output: string, epoch: number): string[] {
  return [
    ...['tar', '--create', '--sparse', '--dereference', '--format=oldgnu', '--mode=0644'],
    ...['--owner=root:0', '--group=root:0', `--mtime=@${epoch}`],
    ...['--use-compress-program=gzip -n -6', `--file=${output}`, member],
  ];
}
