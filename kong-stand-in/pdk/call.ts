import type { Answer } from '../http/answer';
import type { Log } from '../lib/log';
import type { LuaValue } from '../lib/lua';
import type { GatewayRequest } from '../http/request';

/** A PDK function works on this. */
export interface PdkContext {
  readonly request: GatewayRequest;
  readonly log: Log;
}

/** `kong.response.exit`: the exchange with the plugin server ends, this is sent. */
export class PdkExit {
  readonly answer: Answer;

  constructor(answer: Answer) {
    this.answer = answer;
  }
}

/** A function of Kong's plugin development kit. Raises {@link LuaError} where Kong does. */
export type PdkFunction = (context: PdkContext, ...args: readonly LuaValue[]) => LuaValue | PdkExit;

/** PDK functions by their full name. */
export type PdkTable = Readonly<Record<string, PdkFunction>>;
