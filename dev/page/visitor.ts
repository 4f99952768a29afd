/** Who uses the page, and what is open. */
export interface Visitor {
  readonly tenant: string;
  readonly user: string;
  readonly document: string;
  /** The chat; undefined for the one that this tab had, or a new one. */
  readonly session?: string;
}

/** PROTOCOL.md §2. The client takes no other. */
const SESSION = /^[\w-]{1,128}$/;

const DEFAULTS = { tenant: 'acme', user: 'ana', document: 'notes' };

/** Reads the visitor from the page's query. */
export function visitorFrom(search: string): Visitor {
  const query = new URLSearchParams(search);
  const read = (name: keyof typeof DEFAULTS): string => {
    const value = query.get(name)?.trim() ?? '';
    return value === '' ? DEFAULTS[name] : value;
  };
  const session = query.get('session') ?? '';
  return {
    ...{ tenant: read('tenant'), user: read('user'), document: read('document') },
    ...(SESSION.test(session) ? { session } : {}),
  };
}

/** The page's address for a visitor. */
export function addressFor(visitor: Visitor): string {
  return `/?${new URLSearchParams({ ...visitor }).toString()}`;
}
