/** One uninterrupted count of the frames of a channel (PROTOCOL.md §10). */
export interface HistoryName {
  /** When the history began, as its entries' ids say it. */
  readonly begun: string;
  /** Which server has written it. */
  readonly dataset: string;
}

/** As many digits of a replication id as tell two of them apart. */
const DATASET_DIGITS = 16;
const EPOCH = /^h(\d{1,20})-([0-9a-f]{16})$/;

/** The epoch that clients are told. @param replicationId Redis's, of 40 hexadecimal digits */
export function historyEpoch(begun: string, replicationId: string): string {
  return `h${begun}-${replicationId.slice(0, DATASET_DIGITS).padEnd(DATASET_DIGITS, '0')}`;
}

/** The history that an epoch names. @returns undefined for an epoch that a bridge made */
export function historyOf(epoch: string): HistoryName | undefined {
  const [, begun, dataset] = EPOCH.exec(epoch) ?? [];
  return begun === undefined || dataset === undefined ? undefined : { begun, dataset };
}
