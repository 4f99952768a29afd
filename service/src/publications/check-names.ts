/**
 * Holds names to be texts. One that is undefined would be a name of its own, which nobody hears. Among those that narrow whom a
 * call is for it would widen that, to a whole tenant.
 * @throws TypeError
 */
export function checkNames(whom: object, ...names: readonly string[]): void {
  for (const [name, value] of Object.entries(whom)) {
    if (!names.includes(name)) throw new TypeError(`expected none but ${names.join(', ')}, not ${name}`);
    if (typeof value !== 'string' || value === '') throw new TypeError(`expected ${name} to be a text`);
  }
}
