export { BridgeClient, connect } from './client.ts';
export type { AskOptions } from './answers.ts';
export type { Fetch } from './asked-refusal.ts';
export type { Clock } from './clock.ts';
export type { Completion, Tokens } from './answer.ts';
export type { OthersAnswer } from './others-answers.ts';
export { BridgeClientError, ConnectError } from './errors.ts';
export type { ClientEvents, CloseInfo, FrameInfo, StateInfo } from './events.ts';
export type { ClientOptions } from './options.ts';
export type { AnyFrame, AnyObject } from './parse-frame.ts';
export type { ConnectionState } from './state.ts';
export type { PointStorage } from './stored-point.ts';
export type { Surroundings } from './surroundings.ts';
export type { WebSocketConstructor, WebSocketLike } from './web-socket.ts';
export type {
  BridgeErrorCode,
  BridgeErrorFrame,
  CancelCommand,
  ChunkFrame,
  CompleteFrame,
  ContentFrame,
  DataFrame,
  ErrorFrame,
  GapFrame,
  GapReason,
  ProgressFrame,
  StartFrame,
  StatusFrame,
  StepCompleteFrame,
  StepStartFrame,
  TokenFrame,
  ToolCallFrame,
  ToolResultFrame,
} from '../../protocol/frames.ts';
