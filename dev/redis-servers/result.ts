/** The output of jest with `--json`, as far as it is read here. */
export interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** The head of the table in docs/redis.md. */
export const TITLES = ['| Server | Passed | Failed | Skipped |', '| --- | --: | --: | --: |'];

/** A row of it: the server, and how many tests passed, failed and were skipped. */
export function rowOf(name: string, { numPassedTests, numFailedTests, numPendingTests }: JestResult): string {
  return `| ${name} | ${numPassedTests} | ${numFailedTests} | ${numPendingTests} |`;
}

/** The tests that failed, and the files that could not be run, each with its file. */
export function failuresOf({ testResults }: JestResult): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    if (assertionResults.length === 0 && message !== '') return [`${name}: did not run`];
    return failed.map(({ fullName }) => `${name}: ${fullName}`);
  });
}
