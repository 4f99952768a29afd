import fc from 'fast-check';
import { Keepers, type ByteAccount } from '../../../sidecar/lib/keepers';

/** Owners with one whole, and what each has counted. */
function owners(count: number) {
  const sum = { bytes: 0, add: (bytes: number) => void (sum.bytes += bytes) };
  const accounts = Array.from({ length: count }, () => {
    const account = { bytes: 0, whole: sum, add: (bytes: number) => void (account.bytes += bytes) };
    return account;
  });
  return { sum, accounts: accounts as (ByteAccount & { bytes: number })[] };
}

describe('what many keep', () => {
  it('is counted once for each owner that keeps it, and once in the whole', () => {
    const change = fc.record({ owner: fc.nat({ max: 3 }), keeps: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const { sum, accounts } = owners(4);
        const keepers = new Keepers(100);
        const counts = [0, 0, 0, 0];
        for (const { owner, keeps } of changes) {
          const account = accounts[owner];
          const count = counts[owner] ?? 0;
          if (account === undefined || (!keeps && count === 0)) continue;
          if (keeps) keepers.keep(account);
          else keepers.drop(account);
          counts[owner] = count + (keeps ? 1 : -1);
          expect(accounts.map(({ bytes }) => bytes)).toEqual(counts.map((kept) => (kept > 0 ? 100 : 0)));
          expect(sum.bytes).toBe(counts.some((kept) => kept > 0) ? 100 : 0);
        }
      }),
    );
  });
});
