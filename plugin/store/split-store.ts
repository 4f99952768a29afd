import { outcomeOf, silenceOf, valueOf } from './outcome';
import type { Store, StoreAnswer } from './store';

/**
 * Limits in one store and revoked tokens in another, asked at the same time. Neither takes anything from the answer of the other, as
 * in one store.
 */
export function splitStore(limits: Store, revocations: Store): Store {
  return {
    async ask(query): Promise<StoreAnswer> {
      const { revocationKey } = query;
      const [counted, looked] = await Promise.all([
        query.limits.length === 0 ? undefined : outcomeOf(limits.ask({ ...query, revocationKey: undefined })),
        revocationKey === undefined ? undefined : outcomeOf(revocations.ask({ limits: [], revocationKey })),
      ]);
      const silence = silenceOf([counted, looked].filter((outcome) => outcome !== undefined));
      if (silence !== undefined) throw silence;
      const answer = counted === undefined ? NOTHING_COUNTED : valueOf(counted);
      return {
        ...(answer ?? { ...NOTHING_COUNTED, uncounted: query.limits }),
        revoked: looked === undefined ? false : valueOf(looked)?.revoked,
      };
    },
  };
}

const NOTHING_COUNTED = { admitted: true, states: [] };
