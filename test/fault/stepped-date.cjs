'use strict';
// A wall clock that can be set while a process runs, as NTP, an operator or a resumed machine does it: `Date` alone is off. Timers,
// performance.now() and hrtime go on. Preloaded (`node --require`) it is set over IPC, and says when that is done.

const process = require('node:process');

const RealDate = Date;
let offsetMs = Number(process.env.CLOCK_OFFSET_MS ?? 0);

const now = () => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args) => new target(...(args.length === 0 ? [now()] : args)),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});

exports.setClock = (toMs) => {
  offsetMs = toMs;
};

if (process.env.CLOCK_OFFSET_MS !== undefined && process.send !== undefined) {
  process.on('message', (toMs) => {
    if (typeof toMs !== 'number') return;
    offsetMs = toMs;
    process.send(toMs);
  });
  // It keeps nobody running.
  process.channel.unref();
}
