export { escapeSegment } from '../../protocol/channels';
export type {
  ChunkFrame,
  Command,
  CompleteFrame,
  ContentFrame,
  DataFrame,
  ErrorFrame,
  ProgressFrame,
  StartFrame,
  StatusFrame,
  StepCompleteFrame,
  StepStartFrame,
  TokenFrame,
  ToolCallFrame,
  ToolResultFrame,
} from '../../protocol/frames';
export { AnswerError, type AnswerErrorCode } from './answers/answer-error';
export type { CommandToAnswer } from './answers/command';
export type { AnswerCounts } from './answers/counters';
export { token, type AnswerEnd, type AnswerPart } from './answers/frames';
export type {
  AnswerContext,
  AnswerHandler,
  AnsweringOptions,
  AnswerOptions,
  AnswerReport,
} from './answers/options';
export type { ServiceOptions } from './options';
export type { PresenceChange } from './presence/change';
export type { PresenceFrom } from './presence/presence-reader';
export type { Dashboard } from './publications/dashboard';
export type { RevokedToken, RevokedUser } from './publications/revoke';
export type { RedisClient } from './redis/client';
export { connectService, type Service } from './service';
