import { ReplyError } from 'ioredis';
import { StoreRefusedError, StoreUnreachableError } from './store';

/** The outcome of one question to the store: its answer, or why there is none. */
export type Outcome<T> =
  { readonly value: T } | { readonly fault: StoreRefusedError | StoreUnreachableError };

/** Resolves with what came of it. @throws whatever is no fault of the store */
export async function outcomeOf<T>(answer: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await answer };
  } catch (fault) {
    if (fault instanceof StoreRefusedError || fault instanceof StoreUnreachableError) return { fault };
    throw fault;
  }
}

/** The answer, or undefined where there is none. */
export function valueOf<T>(outcome: Outcome<T>): T | undefined {
  return 'value' in outcome ? outcome.value : undefined;
}

/** Why the store is silent, when it answered none of these; a refusal is an answer. */
export function silenceOf(outcomes: readonly Outcome<unknown>[]): StoreUnreachableError | undefined {
  const faults = outcomes.map((outcome) => ('fault' in outcome ? outcome.fault : undefined));
  const silences = faults.filter((fault) => fault instanceof StoreUnreachableError);
  return silences.length === outcomes.length ? silences[0] : undefined;
}

/** An error of ioredis, as the store's own: Redis's refusal, or its silence. */
export function storeFault(cause: unknown): StoreRefusedError | StoreUnreachableError {
  const { message } = cause as Error;
  return cause instanceof ReplyError ? new StoreRefusedError(message) : new StoreUnreachableError(message);
}
