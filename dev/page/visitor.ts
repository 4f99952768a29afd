/** Who uses the page, and which document is open. */
export interface Visitor {
  readonly tenant: string;
  readonly user: string;
  readonly document: string;
}

const DEFAULTS: Visitor = { tenant: 'acme', user: 'ana', document: 'notes' };

/** Reads the visitor from the page's query. */
export function visitorFrom(search: string): Visitor {
  const query = new URLSearchParams(search);
  const read = (name: keyof Visitor): string => {
    const value = query.get(name)?.trim() ?? '';
    return value === '' ? DEFAULTS[name] : value;
  };
  return { tenant: read('tenant'), user: read('user'), document: read('document') };
}
