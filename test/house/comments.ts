import ts from 'typescript';

const SCRIPT = /\.[cm]?[jt]sx?$/;
const PAGE = /\.(?:html|svg)$/;
/** The kinds whose comments are lines that begin with a `#`. */
const HASHED = /(?:\.(?:ya?ml|sh|py|toml|conf|service)|(?:^|\/)Dockerfile|^\.ci\/run|ignore|\.npmrc)$/;

/** A comment, or several in a row, and the line on which it begins. */
export interface Comment {
  readonly line: number;
  readonly markdown: string;
}

/** The comments of a file as Markdown. @returns undefined for a kind of file that is not known */
export function commentsOf(file: string, text: string): readonly Comment[] | undefined {
  if (SCRIPT.test(file)) return ofScript(file, text);
  if (file.endsWith('.css')) return ofMatches(text, /\/\*[^]*?\*\//g);
  if (PAGE.test(file)) return ofMatches(text, /<!--[^]*?-->/g);
  if (file.endsWith('.lua')) return ofMatches(text, /^[ \t]*--.*(?:\n[ \t]*--.*)*/gm);
  if (HASHED.test(file)) return ofMatches(text, /^[ \t]*#.*(?:\n[ \t]*#.*)*/gm);
  return undefined;
}

/** Strings, templates and patterns may look like comments: only the text between two tokens is one. */
function ofScript(file: string, text: string): readonly Comment[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const comments: Comment[] = [];
  visit(source);
  return comments;

  function visit(node: ts.Node): void {
    const children = node.getChildren(source).filter(({ kind }) => kind !== ts.SyntaxKind.JSDoc);
    if (children.length > 0) children.forEach(visit);
    else comments.push(...between(node.getFullStart(), node.getStart(source)));
  }

  /** One that follows code on its line is a comment by itself. */
  function between(start: number, end: number): readonly Comment[] {
    const rest = start === 0 ? 0 : text.slice(0, end).indexOf('\n', start) + 1 || start;
    return [text.slice(start, rest), text.slice(rest, end)]
      .map((found, index) => ({ found, at: (index === 0 ? start : rest) + found.search(/\S/) }))
      .filter(({ found }) => /\S/.test(found))
      .map(({ found, at }) => ({ line: lineAt(text, at), markdown: markdownOf(found) }));
  }
}

function ofMatches(text: string, pattern: RegExp): readonly Comment[] {
  return [...text.matchAll(pattern)].map((match) => ({
    line: lineAt(text, match.index),
    markdown: markdownOf(match[0]),
  }));
}

/** Leaves the marks of a comment out. A JSDoc tag begins a paragraph, and a block's end ends one. */
function markdownOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) =>
      line
        .replace(/^#!.*/, '')
        .replace(/^\s*(?:\/\*+|\/\/+|\*(?!\/)|--|#+|<!--)?\s?/, '')
        .replace(/(?:\*\/|-->)\s*$/, '\n')
        .replace(/^\s*@\w+\s*/, '\n'),
    )
    .join('\n');
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}
