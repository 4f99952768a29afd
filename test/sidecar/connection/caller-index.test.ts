import fc from 'fast-check';
import {
  CallerIndex,
  isMeant,
  type OfCaller,
  type Revocation,
} from '../../../sidecar/connection/caller-index';
import { parseControlMessage } from '../../../sidecar/control/orders';

/** Says when somebody looks at whose it is. */
class Watched implements OfCaller {
  looks = 0;
  readonly path: string;
  readonly #caller: OfCaller['caller'];

  constructor(tenantId: string, userId: string, tokenJti?: string, path = '/ws/notifications') {
    this.path = path;
    this.#caller = { identity: { tenantId, userId, roles: [] }, tokenJti };
  }

  get caller(): OfCaller['caller'] {
    this.looks += 1;
    return this.#caller;
  }
}

/** Takes out what a revocation means, as orders do. */
function take(index: CallerIndex<Watched>, revocation: Revocation): readonly Watched[] {
  return [...index.among(revocation)].filter((item) => isMeant(revocation, item) && index.delete(item));
}

/** Whose sockets PROTOCOL.md §6 says a revocation closes. */
function isClosedBy(revocation: Revocation, { caller: { identity, tokenJti }, path }: OfCaller): boolean {
  if ('jti' in revocation) return tokenJti === revocation.jti;
  if (identity.tenantId !== revocation.tenant) return false;
  if (revocation.user !== undefined && identity.userId !== revocation.user) return false;
  if (revocation.path !== undefined && path !== revocation.path) return false;
  return revocation.except === undefined || tokenJti !== revocation.except;
}

describe('a revocation', () => {
  const COUNT = 10_000;
  let items: readonly Watched[];
  let index: CallerIndex<Watched>;

  beforeEach(() => {
    items = Array.from({ length: COUNT }, (_, at) => new Watched(`t${at % 100}`, `u${at % 1000}`, `j${at}`));
    index = new CallerIndex();
    for (const item of items) {
      index.add(item);
      item.looks = 0;
    }
  });

  it.each([
    ['a token', { jti: 'j77' }, 1],
    ['a token that nobody has', { jti: 'j' }, 0],
    ["a tenant's user", { tenant: 't77', user: 'u177' }, 10],
    ['a user of another tenant', { tenant: 't76', user: 'u177' }, 0],
    ['a tenant', { tenant: 't77' }, 100],
    ['a tenant that has no sockets', { tenant: 't' }, 0],
  ])('of %s looks at none of 10,000 sockets but those that it means', (_, revocation, meant) => {
    expect(take(index, revocation)).toHaveLength(meant);
    expect(items.filter(({ looks }) => looks > 0)).toHaveLength(meant);
    expect(Math.max(...items.map(({ looks }) => looks))).toBeLessThanOrEqual(1);
  });

  it('that is repeated looks at none', () => {
    take(index, { tenant: 't77' });
    for (const item of items) item.looks = 0;
    for (const again of [{ tenant: 't77' }, { tenant: 't77', user: 'u177' }, { jti: 'j77' }]) {
      expect(take(index, again)).toEqual([]);
    }
    expect(items.filter(({ looks }) => looks > 0)).toEqual([]);
  });
});

describe('sockets by their callers', () => {
  // Names that begin alike, that an object has anyway, and that are the digits of numbers.
  const id = fc.constantFrom('a', 'ab', 'a:b', '', '7', '07', '__proto__', 'constructor', 'undefined');
  const path = fc.constantFrom('/ws/a', '/ws/b');
  const socket = fc.record({ tenant: id, user: id, jti: fc.option(id, { nil: undefined }), path });
  const revocation = fc.oneof(
    fc.record({ jti: id }),
    fc.record({ tenant: id }),
    fc.record({ tenant: id, user: id }),
    fc.record({ tenant: id, path }),
    fc.record({ tenant: id, user: id, path }),
    fc.record({ tenant: id, user: id, except: id }),
  );
  const step = fc.oneof(
    fc.record({ open: socket }),
    fc.record({ close: fc.nat() }),
    fc.record({ revoke: revocation }),
  );

  it('are found as if each were looked at, in any order of opening, closing and revoking', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const index = new CallerIndex<Watched>();
        const opened: Watched[] = [];
        const left = new Set<Watched>();
        for (const each of steps) {
          if ('open' in each) {
            const item = new Watched(each.open.tenant, each.open.user, each.open.jti, each.open.path);
            opened.push(item);
            left.add(item);
            index.add(item);
          } else if ('close' in each) {
            // Also one that was revoked, or closed before.
            const item = opened[each.close % opened.length];
            if (item === undefined) continue;
            left.delete(item);
            index.delete(item);
          } else {
            const meant = [...left].filter((item) => isClosedBy(each.revoke, item));
            for (const item of meant) left.delete(item);
            expect(new Set(take(index, each.revoke))).toEqual(new Set(meant));
          }
        }
        for (const item of left) index.delete(item);
        expect(index.size).toBe(0);
      }),
    );
  });

  it('that share a token are all found by it, whoever they belong to', () => {
    const index = new CallerIndex<Watched>();
    const shared = [new Watched('a', 'u', 'j'), new Watched('a', 'u', 'j'), new Watched('b', 'v', 'j')];
    for (const item of [...shared, new Watched('a', 'u', 'other'), new Watched('a', 'u')]) index.add(item);
    expect(take(index, { jti: 'j' })).toEqual(shared);
    expect(take(index, { tenant: 'a', user: 'u' })).toHaveLength(2);
    expect(index.size).toBe(0);
  });

  it('whose ids are digits are found by a revocation that has them as numbers', () => {
    const index = new CallerIndex<Watched>();
    const item = new Watched('7', '-42', '12345');
    for (const text of ['"tenant":7,"user":-42', '"jti":12345', '"tenant":7']) {
      index.add(item);
      const numeric = parseControlMessage(Buffer.from(`{"type":"revoke",${text}}`));
      expect(numeric === undefined || numeric.type === 'list' ? [] : take(index, numeric)).toEqual([item]);
    }
  });

  it('are not found by the id of a token when their token has none', () => {
    const index = new CallerIndex<Watched>();
    index.add(new Watched('t', 'u'));
    expect(take(index, { jti: 'undefined' })).toEqual([]);
  });
});
