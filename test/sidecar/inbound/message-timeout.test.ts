import { MessageTimeout } from '../../../sidecar/inbound/message-timeout';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { clientFrame, OPCODES } from '../client-frame';

const TIMEOUT_MS = 1000;
const WHOLE = clientFrame(OPCODES.text, 10);
const BEGUN = clientFrame(OPCODES.text, 10).subarray(0, 9);
const REST = clientFrame(OPCODES.text, 10).subarray(9);

let nowMs: number;
let wheel: TimerWheel;
let isUnread: boolean;
let late: number;
let timeout: MessageTimeout;

beforeEach(() => {
  nowMs = 0;
  isUnread = false;
  late = 0;
  wheel = new TimerWheel(1, 64, nowMs);
  const reader = {
    get isUnread() {
      return isUnread;
    },
    reset: () => (late += 1),
  };
  timeout = new MessageTimeout({ wheel, monotonicMs: () => nowMs, messageTimeoutMs: TIMEOUT_MS }, reader);
});

function pass(ms: number): void {
  nowMs += ms;
  wheel.advance(nowMs);
}

describe('the deadline for messages', () => {
  it('is none for messages that come whole', () => {
    timeout.read(Buffer.concat([WHOLE, WHOLE]));
    expect(wheel.size).toBe(0);
  });

  it('begins with a message and ends with it', () => {
    timeout.read(BEGUN);
    expect(wheel.size).toBe(1);
    pass(TIMEOUT_MS - 1);
    timeout.read(REST);
    expect(wheel.size).toBe(0);
    pass(TIMEOUT_MS);
    expect(late).toBe(0);
  });

  it('passes however many bytes and pings come before the end of the message', () => {
    timeout.read(clientFrame(OPCODES.text, 1, false));
    for (let count = 0; count < TIMEOUT_MS; count += 1) {
      expect(late).toBe(0);
      pass(1);
      timeout.read(clientFrame(OPCODES.ping, 1));
      timeout.read(clientFrame(OPCODES.continuation, 1, false));
    }
    expect(late).toBe(1);
  });

  it('is that of each message, though there is none between them at which nothing is unfinished', () => {
    timeout.read(BEGUN);
    for (let count = 0; count < 5; count += 1) {
      pass(TIMEOUT_MS - 1);
      timeout.read(Buffer.concat([REST, BEGUN]));
    }
    expect([late, wheel.size]).toEqual([0, 1]);
    pass(TIMEOUT_MS);
    expect(late).toBe(1);
  });

  it('begins anew while the bridge itself does not read', () => {
    timeout.read(BEGUN);
    isUnread = true;
    pass(TIMEOUT_MS);
    isUnread = false;
    pass(TIMEOUT_MS - 1);
    expect(late).toBe(0);
    pass(1);
    expect(late).toBe(1);
  });

  it('begins anew when the bridge reads on, if there is one', () => {
    timeout.restart();
    expect(wheel.size).toBe(0);
    timeout.read(BEGUN);
    pass(TIMEOUT_MS - 1);
    timeout.restart();
    pass(TIMEOUT_MS - 1);
    expect([late, wheel.size]).toEqual([0, 1]);
    pass(1);
    expect(late).toBe(1);
  });

  it('is forgotten when the connection ends', () => {
    timeout.read(BEGUN);
    timeout.cancel();
    expect(wheel.size).toBe(0);
  });
});
