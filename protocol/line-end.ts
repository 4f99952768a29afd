/** The text about a secret that {@link hasStrayLineEnd} tells, for a log. */
export const STRAY_LINE_END = 'a secret ends in a line break, which counts as a part of it';

/**
 * Whether a secret ends in a line break: `echo` and editors leave one in the file that a secret is made from, and the other side
 * mostly has none. A key in PEM has one by right, and in a JWK none counts.
 */
export function hasStrayLineEnd(secret: string): boolean {
  return /[\r\n]$/.test(secret) && !/^\s*(?:\{|-----BEGIN )/.test(secret);
}
