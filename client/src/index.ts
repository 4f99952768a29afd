export { BridgeClient, connect } from './client.ts';
export type { Fetch } from './asked-refusal.ts';
export type { Clock } from './clock.ts';
export { BridgeClientError, ConnectError } from './errors.ts';
export type { ClientEvents, CloseInfo, FrameInfo, StateInfo } from './events.ts';
export type { Extending, Extension, Inside, Message } from './extension.ts';
export type { ClientOptions, Settings } from './options.ts';
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
