/**
 * Ends a command when nobody reads its output any more, as in `command | head`. It ends quietly, with its findings so
 * far for its exit code.
 * @returns what keeps the process running from then on, for a server
 */
export function endWithReader(): () => void {
  const onError = ({ code }: NodeJS.ErrnoException): void => {
    if (code === 'EPIPE') process.exit();
  };
  process.stdout.on('error', onError);
  process.stderr.on('error', onError);
  return () => {
    process.stdout.off('error', onError);
    process.stderr.off('error', onError);
  };
}
