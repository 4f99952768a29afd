import type { DataFrame } from 'ws-bridge-client';
import type { ChatClient } from 'ws-bridge-client/chat';
import { Turn } from './turn';

/** Frames do not say what was asked. */
const QUESTION = 'asked in another tab, or before this page came';

/** Shows the answers that this page did not ask for: those that are over, and those that are on their way. */
export function showOthersAnswers(client: ChatClient, add: (turn: Turn) => void, shown: () => void): void {
  /** Those whose end has not come, by the ids of their commands. */
  const unfinished = new Map<string | undefined, Turn>();
  const turnOf = (id: string | undefined): Turn => {
    const known = unfinished.get(id);
    if (known) return known;
    const turn = new Turn(QUESTION);
    unfinished.set(id, turn);
    add(turn);
    return turn;
  };
  client.on('frame', (frame: DataFrame, { replayed }) => {
    if (replayed && turnOf(frame.id).add(frame)) unfinished.delete(frame.id);
  });
  const follow = async (): Promise<void> => {
    for await (const { id, tokens } of client.answers()) {
      // Where several run at once, the beginning of one may have come before the end of another.
      const turn = turnOf(id);
      unfinished.delete(id);
      void turn.show(tokens, shown);
    }
  };
  void follow();
}
