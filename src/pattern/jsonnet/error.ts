/** Where something stands in a file. Lines and columns count from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

/** A fault of a Jsonnet program: of its syntax, or met while evaluating it. */
export class JsonnetError extends Error {
  /** The innermost expression that it came from. */
  place: Place | undefined;

  constructor(message: string, place?: Place) {
    super(message);
    this.name = 'JsonnetError';
    this.place = place;
  }
}
