/** Header values by name in lower case, repeated ones in order. Has no prototype. */
export type HeaderLists = Record<string, readonly string[]>;

/** Some of a request's headers. */
export interface CountedHeaders {
  readonly headers: HeaderLists;
  /** How many lines all of its headers are, these and others. */
  readonly lines: number;
}

interface Candidate {
  readonly name: string;
  readonly bytes: Buffer;
  /** Whether `_` is taken for `-`, and the header is then found under the name that it has. */
  readonly isLoose: boolean;
}

/** Names of the headers that somebody looks at, found in bytes without making text of what nobody looks at. */
export class HeaderSelection {
  readonly #byLength = new Map<number, Candidate[]>();

  /**
   * @param names in lower case, ASCII
   * @param loose loose ones (protocol/header-names.ts): a header with such a loose name is found under its own
   */
  constructor(names: Iterable<string>, loose: Iterable<string> = []) {
    for (const name of new Set(names)) this.#add(name, false);
    for (const name of new Set(loose)) this.#add(name, true);
  }

  /** The selected name that stands there, in whichever case, or undefined. */
  find(bytes: Buffer, start: number, end: number): string | undefined {
    const candidates = this.#byLength.get(end - start);
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      if (!isSpelt(candidate, bytes, start)) continue;
      return candidate.isLoose ? bytes.toString('latin1', start, end).toLowerCase() : candidate.name;
    }
    return undefined;
  }

  #add(name: string, isLoose: boolean): void {
    const candidates = this.#byLength.get(name.length) ?? [];
    candidates.push({ name, bytes: Buffer.from(name, 'latin1'), isLoose });
    this.#byLength.set(name.length, candidates);
  }
}

function isSpelt({ bytes: name, isLoose }: Candidate, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i += 1) {
    const byte = lowerCase(bytes[start + i] ?? 0);
    if ((isLoose && byte === UNDERSCORE ? DASH : byte) !== name[i]) return false;
  }
  return true;
}

const [A, Z, CASE] = [0x41, 0x5a, 0x20];
const [UNDERSCORE, DASH] = [0x5f, 0x2d];

function lowerCase(byte: number): number {
  return byte >= A && byte <= Z ? byte | CASE : byte;
}
