import { visibleLines } from '../../stdio/visible';

/** The finding of one check. */
export interface Finding {
  /** The thing that was checked, in a word. */
  readonly subject: string;
  readonly ok: boolean;
  /** It can be used so, and means something that its operator should know. */
  readonly isDoubtful?: boolean;
  /** The fact that holds, or the fault and the way to mend it. Quotes no secret. */
  readonly text: string;
}

/** It holds. */
export function holds(subject: string, text: string): Finding {
  return { subject, ok: true, text };
}

/** It holds, and means something that its operator should know. */
export function doubts(subject: string, text: string): Finding {
  return { subject, ok: true, isDoubtful: true, text };
}

/** It does not. */
export function fails(subject: string, wrong: string, remedy: string): Finding {
  return { subject, ok: false, text: `${wrong}: ${remedy}` };
}

/** One line for a terminal. */
export function findingLine({ subject, ok, isDoubtful = false, text }: Finding): string {
  const verdict = isDoubtful ? 'warn' : 'ok  ';
  return `${ok ? verdict : 'FAIL'}  ${subject.padEnd(SUBJECT_WIDTH)}  ${visibleLines(text)}`;
}

const SUBJECT_WIDTH = 9;
