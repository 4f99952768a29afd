// Refuses a Node that is too old, before anything else is tried with it. So it is written for any Node there is, and needs no
// package. With --packages it also refuses to go on without the npm packages.
const { existsSync } = require('fs');
const { dirname, join } = require('path');
const { argv, execPath, exit, stderr, version } = require('process');
const root = require.resolve('../package.json');
const { engines } = require(root);

/** @param {string} text `v20.19.0`, `^20.19.0` or `>=24` */
function parts(text) {
  const [major = 0, minor = 0] = text.replace(/^\D*/, '').split('.').map(Number);
  return { major, minor, andLater: text.startsWith('>=') };
}

/** Whether a version is in a range of the two forms that package.json has: `^20.19.0 || >=24`. */
function isIn(range, running) {
  const { major, minor } = parts(running);
  return range.split('||').some((one) => {
    const least = parts(one.trim());
    if (major === least.major) return minor >= least.minor;
    return least.andLater && major > least.major;
  });
}

/** The same range for people. */
function inWords(range) {
  const each = range.split('||').map((one) => {
    const { major, minor, andLater } = parts(one.trim());
    return andLater ? `${major} and newer` : `${major}.${minor} and newer ${major}.x`;
  });
  return each.join(', ');
}

function refusal() {
  if (!isIn(engines.node, version))
    return [
      `this is Node ${version} (${execPath}); expected ${inWords(engines.node)}.`,
      'Install Node 24 or 22 from https://nodejs.org/en/download (the nodejs of Debian 12 and Ubuntu 24.04 is 18), then open a new',
      'shell in which `node --version` says so, and run this again.',
    ].join('\n');
  if (argv.indexOf('--packages') >= 0 && !existsSync(join(dirname(root), 'node_modules')))
    return 'the npm packages are not installed; run `sh dev/setup.sh` first (`sh dev/setup.sh test` for the tests).';
  return undefined;
}

const refused = refusal();
if (refused !== undefined) {
  stderr.write(`${refused}\n`);
  exit(1);
}
