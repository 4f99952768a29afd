import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import process, { argv, stderr, stdout } from 'node:process';
import { Command } from 'commander';
import { instrument, type Mutant } from './mutants/instrument';
import { Judge } from './mutants/judge';
import { questionFor } from './mutants/plan';
import type { MutantQuestion, Verdict } from './mutants/question';
import { roomAt } from './mutants/rooms';

type Outcome = 'killed' | 'timeout' | 'survived' | 'not covered';

/** Says which mutants nobody notices, as they are found. */
async function judgeAll(
  path: string,
  without: readonly string[],
): Promise<Readonly<Record<Outcome, number>>> {
  const { code, tests } = roomAt(path, without);
  const { sources, mutants } = await instrument(code);
  const judge = new Judge(sources);
  const counts: Record<Outcome, number> = { killed: 0, timeout: 0, survived: 0, 'not covered': 0 };
  const waiting = new Set<string>();
  try {
    const baselines = await judge.baseline(tests);
    for (const mutant of mutants) {
      const question = questionFor(mutant.id, baselines, waiting);
      const verdict = question && (await verdictOn(question, judge));
      if (verdict?.status === 'timeout' && verdict.file !== undefined) waiting.add(verdict.file);
      const outcome = verdict?.status ?? 'not covered';
      counts[outcome] += 1;
      if (outcome === 'survived' || outcome === 'not covered')
        stdout.write(`${outcome}: ${lineOf(mutant)}\n`);
      if (stderr.isTTY) stderr.write(`\r${mutant.id} of ${mutants.length}`);
    }
  } finally {
    judge.end();
  }
  return counts;
}

/** Modules that served other mutants may remember what this one would have changed: to survive, it has to in new ones. */
async function verdictOn(question: MutantQuestion, judge: Judge): Promise<Verdict> {
  const quick = { ...question, runs: question.runs.filter(({ isQuick }) => isQuick) };
  if (!question.fresh && quick.runs.length > 0) {
    const verdict = await judge.verdict(quick);
    if (verdict.status !== 'survived') return verdict;
  }
  const all = { ...question, fresh: true };
  return judge.verdict(all);
}

function lineOf({ fileName, location: { start, end }, mutatorName, replacement }: Mutant): string {
  const lines = readFileSync(fileName, 'utf8')
    .split('\n')
    .slice(start.line, end.line + 1);
  const last = lines.length - 1;
  lines[last] = (lines[last] ?? '').slice(0, end.column);
  lines[0] = (lines[0] ?? '').slice(start.column);
  const where = `${relative(process.cwd(), fileName)}:${start.line + 1}:${start.column + 1}`;
  return `${where} ${mutatorName}: ${oneLine(lines.join('\n'))} -> ${oneLine(replacement)}`;
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}

interface Options {
  readonly least: number;
  readonly without: readonly string[];
}

async function main(path: string, { least, without }: Options): Promise<void> {
  const begun = performance.now();
  const counts = await judgeAll(path, without);
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const score = all === 0 ? 100 : (100 * (counts.killed + counts.timeout)) / all;
  const each = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  const seconds = Math.round((performance.now() - begun) / 1000);
  stdout.write(`${path}: ${score.toFixed(1)}% of ${all} mutants (${each.join(', ')}) in ${seconds} s\n`);
  if (score >= least) return;
  stdout.write(`expected at least ${least}%\n`);
  process.exitCode = 1;
}

const command = new Command('mutants')
  .description('changes code in one place after the other, and says which changes no test notices')
  .argument('<folder>', 'the code, such as protocol or sidecar/websocket/frame-reader.ts')
  .option('--least <percent>', 'fails below this score', Number, 0)
  .option('--without <parts...>', 'leaves out tests with one of these in their path', [])
  .parse(argv);
void main(command.args[0] ?? '', command.opts<Options>());
