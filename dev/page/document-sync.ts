import { createDecoder, readVarUint } from 'lib0/decoding';
import { createEncoder, length, toUint8Array, writeVarUint, type Encoder } from 'lib0/encoding';
import { readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync';
import { encodeStateAsUpdate, type Doc } from 'yjs';

/** y-websocket's number for messages that synchronise; awareness and others have other numbers. */
const SYNC_MESSAGE = 0;

/**
 * Keeps a document equal to that of every peer, over a route that relays messages at most once. The messages are those
 * of y-websocket, so its clients can take part.
 */
export class DocumentSync {
  readonly #doc: Doc;
  readonly #send: (message: Uint8Array) => void;

  /** @param send may lose a message, as long as {@link resync} is called after it may have */
  constructor(doc: Doc, send: (message: Uint8Array) => void) {
    this.#doc = doc;
    this.#send = send;
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === this) return;
      this.#write((encoder) => {
        writeUpdate(encoder, update);
      });
    });
  }

  /**
   * Asks the peers for what this document misses, and tells them all that it has. No server is there to ask for it.
   * Deletions cannot be seen from the state vector that the peers are told.
   */
  resync(): void {
    this.#write((encoder) => {
      writeSyncStep1(encoder, this.#doc);
    });
    this.#write((encoder) => {
      writeUpdate(encoder, encodeStateAsUpdate(this.#doc));
    });
  }

  /** Takes a peer's message. @throws whatever reading it throws when it is none */
  receive(message: Uint8Array): void {
    const decoder = createDecoder(message);
    if (readVarUint(decoder) !== SYNC_MESSAGE) return;
    const answer = createEncoder();
    writeVarUint(answer, SYNC_MESSAGE);
    const empty = length(answer);
    readSyncMessage(decoder, answer, this.#doc, this, (cause) => {
      throw cause;
    });
    if (length(answer) > empty) this.#send(toUint8Array(answer));
  }

  #write(write: (encoder: Encoder) => void): void {
    const encoder = createEncoder();
    writeVarUint(encoder, SYNC_MESSAGE);
    write(encoder);
    this.#send(toUint8Array(encoder));
  }
}
