/** @throws TypeError at what is no integer of 1 or more, or is none exactly */
export function checkNumber(name: string, number: unknown): void {
  if (!Number.isSafeInteger(number) || Number(number) < 1)
    throw new TypeError(`expected ${name} to be an integer of 1 or more, not ${String(number)}`);
}

/** @throws TypeError at what is none of these: a misspelt one would mean another */
export function checkChoice(name: string, given: string | undefined, ...choices: readonly string[]): void {
  if (given !== undefined && !choices.includes(given))
    throw new TypeError(`expected ${name} to be ${choices.join(' or ')}, not ${given}`);
}
