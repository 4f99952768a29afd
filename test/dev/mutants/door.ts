/** A door that opens to those who are old enough. */
export class Door {
  readonly #opened = new Set<number>();

  opensTo(age: number): boolean {
    if (age >= 18) this.#opened.add(age);
    return this.#opened.has(age);
  }
}
