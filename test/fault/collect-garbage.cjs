'use strict';
// Preloaded (`node --require`), it collects all garbage when the parent asks for it over IPC, and answers with the memory that is left.

const process = require('node:process');
const { setTimeout } = require('node:timers');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

/** Other threads of V8 give memory back meanwhile, in milliseconds. */
const GIVEN_BACK_MS = 500;

if (process.send !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('message', (message) => {
    if (message !== 'collect') return;
    collect();
    setTimeout(() => {
      const { rss: residentBytes, heapUsed: heapUsedBytes } = process.memoryUsage();
      process.send({ residentBytes, heapUsedBytes });
    }, GIVEN_BACK_MS);
  });
  // It keeps nobody running.
  process.channel.unref();
}
