import type { Access } from '../../protocol/access';
import { judge, type Asks, type Judgement } from '../authorization/judge';
import { keptJudgement } from '../authorization/kept-judgement';
import type { Answer, Question } from '../authorization/question';
import { AuthorizationUnavailableError, type AuthorizationService } from '../authorization/service';
import type { Authorization } from '../config/authorization';
import { Refusal } from '../request/refusal';
import type { VerifiedToken } from '../token/verify';

/** Seconds that a client is told to wait when an authorization service does not answer. */
const RETRY_AFTER_SECONDS = 1;

/** One upgrade as its rules judge it. */
export interface JudgedUpgrade {
  readonly authorization: Authorization;
  readonly service: AuthorizationService | undefined;
  readonly path: string;
  readonly token: VerifiedToken;
  /** Gets the field that refuses. */
  readonly told: { rule?: string };
}

/** The upgrade is let in, with an access where rules decided one. */
export interface Granted {
  readonly isGranted: true;
  readonly access: Access | undefined;
}

/**
 * Judges by what is known, which asks nobody: a refusal costs no question to Redis, and an upgrade is charged to no limit while the
 * service that it needs is away.
 * @returns the question that has to be asked where something is not known
 * @throws Refusal 403, or 503
 */
export function judgeKnown(upgrade: JudgedUpgrade): Granted | Asks {
  const { authorization, service, path, token } = upgrade;
  const judgement =
    service === undefined
      ? keptJudgement(authorization, path, token)
      : judge(authorization, path, token, (question) => service.known(question));
  if (judgement.isGranted === undefined) {
    if (service?.isShut(judgement.question) === true) throw unavailable(upgrade, judgement.question);
    return judgement;
  }
  return granted(upgrade, judgement);
}

/**
 * Judges by asking. So it comes after the limits: what they keep out reaches no service.
 * @throws Refusal 403, or 503
 */
export async function judgeByAsking(
  upgrade: JudgedUpgrade,
  { question }: Asks,
  requestId: string,
  now: number,
): Promise<Granted> {
  const { authorization, path, token } = upgrade;
  const answers = new Map<number, Answer>();
  let next = question;
  for (;;) {
    answers.set(next.rule, await answerTo(upgrade, next, requestId, now));
    const judgement = judge(authorization, path, token, ({ rule }) => answers.get(rule));
    if (judgement.isGranted !== undefined) return granted(upgrade, judgement);
    next = judgement.question;
  }
}

async function answerTo(
  upgrade: JudgedUpgrade,
  question: Question,
  requestId: string,
  now: number,
): Promise<Answer> {
  const { service, token } = upgrade;
  if (service === undefined) throw new Error('expected an authorization service that can be asked');
  try {
    return service.known(question) ?? (await service.ask(question, requestId, token.exp - now));
  } catch (cause) {
    if (!(cause instanceof AuthorizationUnavailableError)) throw cause;
    throw unavailable(upgrade, question);
  }
}

function granted({ told }: JudgedUpgrade, judgement: Judgement): Granted {
  if (judgement.isGranted) return judgement;
  told.rule = judgement.by;
  throw new Refusal('not_authorized', 'The token may not open this path');
}

function unavailable({ told }: JudgedUpgrade, { rule }: Question): Refusal {
  told.rule = `authorization[${rule}].url`;
  const message = 'Whether the token may open this path cannot be checked, try again later';
  return new Refusal('authorization_unavailable', message, { 'Retry-After': String(RETRY_AFTER_SECONDS) });
}
