/** What a machine may be called. */
export const SERIAL = /^[\w.:-]{1,64}$/;
