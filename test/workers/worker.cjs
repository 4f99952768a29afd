// A worker of a pool: says that it takes connections once it is told to.
const process = require('node:process');

process.on('message', ({ type }) => {
  if (type === 'begin') process.send({ type: 'ready' });
  if (type === 'end') process.exit();
});
process.send({ type: 'here', number: Number(process.env['NUMBER']), pid: process.pid });
