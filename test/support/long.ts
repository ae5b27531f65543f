/** What takes minutes and proves little that shorter tests do not: `make test-all` runs it, `make test` does not. */
export const LONG = process.env['OSMITH_TEST'] === 'all';
