/** How many states of refused addresses a gatekeeper keeps, unless GATEKEEPER_MAX_REFUSED_ADDRESSES says otherwise. */
export const DEFAULT_MAX_REFUSED_ADDRESSES = 100_000;

const MOST = 10_000_000;

/** The values that GATEKEEPER_MAX_REFUSED_ADDRESSES may have, in words. */
export const MAX_REFUSED_ADDRESSES_EXPECTED = `a whole number from 1 to ${MOST}`;

/** GATEKEEPER_MAX_REFUSED_ADDRESSES as a number, the default of an empty one; undefined for what is none. */
export function readMaxRefusedAddresses(text: string): number | undefined {
  if (text === '') return DEFAULT_MAX_REFUSED_ADDRESSES;
  if (!/^[0-9]{1,8}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number <= MOST ? number : undefined;
}
