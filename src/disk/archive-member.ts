/** A member of an archive: a file of this machine, or what is in memory. */
export interface ArchiveMember {
  name: string;
  source: { file: string } | Buffer;
}
