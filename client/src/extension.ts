import type { AckFrame, BridgeErrorFrame, LockFrame, PeersFrame } from '../../protocol/frames.ts';
import type { Connection, DataKind } from './connection.ts';
import type { BridgeClientError } from './errors.ts';
import type { Settings } from './options.ts';
import type { AnyObject } from './parse-frame.ts';

/** A data frame as it came, and read where it is a JSON object. */
export interface Message {
  readonly data: string | ArrayBuffer;
  readonly object: AnyObject | undefined;
}

/** The part of a client that another entry of the package brings, as `ws-bridge-client/chat` does. */
export interface Extension {
  /** Whether something should come: then a dead peer is noticed in a hidden tab as well. */
  readonly expects: boolean;
  /** Since when, by the monotonic clock, the peer owes an acknowledgement; undefined when it owes none. */
  readonly waitingSinceMs: number | undefined;
  /** Frames come from now on. @param bringsPast whether those from before the client came are first */
  opened(bringsPast: boolean): void;
  /** Frames come no longer. */
  lost(): void;
  /** Takes a data frame, and tells it by {@link Inside.tell} when its time has come. */
  take(message: Message, kind: DataKind): void;
  /**
   * Takes the peer's answer to a message.
   * @returns whether it was about one of the extension's own
   */
  answered(frame: AckFrame | BridgeErrorFrame | LockFrame | PeersFrame): boolean;
  /** Frames were lost or may have been. The application is told next. */
  interrupt(cause: BridgeClientError, bringsPast: boolean): void;
  /** The client is closed. */
  end(cause: BridgeClientError): void;
}

/** The inside of a client, for its extension. */
export interface Inside {
  /** Those of the client, and those that the extension adds. */
  readonly settings: Settings;
  /** The open connection. */
  readonly connection: () => Pick<Connection, 'send'> | undefined;
  /** The session, once the bridge has told it. */
  readonly session: () => string | undefined;
  /** Tells the application of a data frame. */
  readonly tell: (message: Message, isReplayed: boolean) => void;
  /** {@link Extension.waitingSinceMs} may have changed. */
  readonly watch: () => void;
}

/** How a client gets its extension. */
export interface Extending {
  /** The options that it adds, with their defaults. A number is checked as the client's own are. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly extend: (inside: Inside) => Extension;
}
