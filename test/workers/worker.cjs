// A worker of a pool: says that it takes connections once it is told to.
const process = require('node:process');
const { PrimaryChannel } = require('../../dist/workers/primary-channel.js');

const ANSWERS = {
  metrics: () => Promise.reject(new Error('not now')),
  number: () => process.env['NUMBER'],
};
const primary = new PrimaryChannel();
process.on('message', ({ type }) => {
  if (type === 'begin') primary.ready(undefined, ANSWERS, () => undefined);
  if (type === 'end') process.exit();
});
primary.send({ type: 'here', number: Number(process.env['NUMBER']), pid: process.pid });
