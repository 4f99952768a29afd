/** What one check found. */
export interface Finding {
  /** What was checked, in a word. */
  readonly subject: string;
  readonly ok: boolean;
  /** What holds, or what is wrong and what to do about it. Quotes no secret. */
  readonly text: string;
}

/** It holds. */
export function holds(subject: string, text: string): Finding {
  return { subject, ok: true, text };
}

/** It does not. */
export function fails(subject: string, wrong: string, remedy: string): Finding {
  return { subject, ok: false, text: `${wrong}: ${remedy}` };
}

/** One line for a terminal. */
export function findingLine({ subject, ok, text }: Finding): string {
  return `${ok ? 'ok  ' : 'FAIL'}  ${subject.padEnd(SUBJECT_WIDTH)}  ${text}`;
}

const SUBJECT_WIDTH = 9;
