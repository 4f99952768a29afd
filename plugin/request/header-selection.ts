/** Header values by name in lower case, repeated ones in order. Has no prototype. */
export type HeaderLists = Record<string, readonly string[]>;

interface Candidate {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Names of the headers that somebody looks at, found in bytes without making text of what nobody looks at. */
export class HeaderSelection {
  readonly #byLength = new Map<number, Candidate[]>();

  /** @param names in lower case, ASCII */
  constructor(names: Iterable<string>) {
    for (const name of new Set(names)) {
      const candidates = this.#byLength.get(name.length) ?? [];
      candidates.push({ name, bytes: Buffer.from(name, 'latin1') });
      this.#byLength.set(name.length, candidates);
    }
  }

  /** The selected name that stands there, in whichever case, or undefined. */
  find(bytes: Buffer, start: number, end: number): string | undefined {
    const candidates = this.#byLength.get(end - start);
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      if (isSpelt(candidate.bytes, bytes, start)) return candidate.name;
    }
    return undefined;
  }
}

function isSpelt(name: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i += 1) {
    if (lowerCase(bytes[start + i] ?? 0) !== name[i]) return false;
  }
  return true;
}

const [A, Z, CASE] = [0x41, 0x5a, 0x20];

function lowerCase(byte: number): number {
  return byte >= A && byte <= Z ? byte | CASE : byte;
}
