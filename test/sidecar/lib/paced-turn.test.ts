import { PacedTurn } from '../../../sidecar/lib/paced-turn';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';

const TICK_MS = 10;

let nowMs: number;
let wheel: TimerWheel;
let turns: number[];
let turn: PacedTurn;
beforeEach(() => {
  nowMs = 0;
  wheel = new TimerWheel(TICK_MS, 100, nowMs);
  turns = [];
  turn = new PacedTurn({ wheel, monotonicMs: () => nowMs }, 100, () => turns.push(nowMs));
});

const pass = (ms: number): void => {
  for (const endMs = nowMs + ms; nowMs < endMs;) wheel.advance((nowMs += TICK_MS));
};

describe('a paced turn', () => {
  it('comes at the next tick, and then once an interval however often it is asked for', () => {
    turn.ask();
    turn.ask();
    pass(50);
    turn.ask();
    pass(30);
    turn.ask();
    pass(200);
    expect(turns).toEqual([10, 110]);
  });

  it('comes at the next tick again after an interval without one', () => {
    turn.ask();
    pass(300);
    turn.ask();
    pass(10);
    expect(turns).toEqual([10, 310]);
  });

  it('may be asked for by its own work', () => {
    const again = new PacedTurn({ wheel, monotonicMs: () => nowMs }, 100, () => {
      turns.push(nowMs);
      again.ask();
    });
    again.ask();
    pass(250);
    expect(turns).toEqual([10, 110, 210]);
  });

  it('does not come once it was forgotten, and may be asked for anew', () => {
    turn.ask();
    turn.cancel();
    pass(50);
    expect(turns).toEqual([]);
    turn.ask();
    pass(10);
    expect(turns).toEqual([60]);
  });
});
