/** The comments of an INI file, which are what people are told about its options. */

export interface Comments {
  /** By section: the comment right above its header. */
  sections: Map<string, string>;
  /** By section and name of an option as written: the comment right above it. */
  options: Map<string, Map<string, string>>;
}

/** Expects a file without faults. Comments inside a value and those with an empty line below belong to nothing. */
export function readComments(text: string): Comments {
  const found: Comments = { sections: new Map(), options: new Map() };
  let comment: string[] = [];
  let options = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) {
      comment.push(line.replace(/^#+\s*/, ''));
      continue;
    }
    const section = /^\[(.+)\]/.exec(line)?.[1];
    const option = /^([^\s=:][^=:]*?)\s*[=:]/.exec(line)?.[1];
    const told = comment.join(' ');
    comment = [];
    if (section !== undefined) {
      options = found.options.get(section) ?? new Map<string, string>();
      found.options.set(section, options);
      if (told !== '') found.sections.set(section, told);
    } else if (option !== undefined && told !== '') options.set(option.toLowerCase(), told);
  }
  return found;
}
