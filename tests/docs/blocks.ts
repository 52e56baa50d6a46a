/** The fenced blocks of a Markdown file, each with what the file says of how to run it. */

export interface Block {
  readonly file: string;
  /** Of its fence, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Variables, for a document; null: none are shown. */
  readonly variables: Readonly<Record<string, unknown>> | null;
  /** The answer that the file shows behind it; null: none is shown. */
  readonly answer: Readonly<Record<string, unknown>> | null;
  /** Who asks: a person of the demo, `service`, or what the comment before the block says. */
  readonly as: string;
  /** Names of things that its variables stand for: `<!-- run: as=owner id=acme -->`. */
  readonly given: Readonly<Record<string, string>>;
  /** The name of the part that this block is, `<!-- run: part=client -->`: it runs with others alone; null: it is none. */
  readonly part: string | null;
  /** The name of the part that it goes on from, `<!-- run: with=client -->`; null: it is whole. */
  readonly from: string | null;
  /** The reason that nothing runs it, `<!-- not run: … -->`; null: it is run. */
  readonly notRun: string | null;
}

const FENCE = /^```(\S*)$/;
const COMMENT = /^<!-- (run|not run): (.*) -->$/;

/**
 * Reads the blocks of a file. A `json` block with `data` or `errors` is the answer to the block before it, any other one its
 * variables, unless a comment says why it is not run: then it stands for itself. @throws Error for a block that belongs to none
 */
export function blocksOf(file: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [, language] = FENCE.exec(lines[at] as string) ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end === -1) throw new Error(`${file}:${at + 1} does not end`);
    const text = lines.slice(at + 1, end).join('\n');
    const how = said(lines.slice(0, at).findLast((line) => line !== ''));
    if (language === 'json' && how.notRun === null) {
      const before = blocks.pop();
      if (before === undefined) throw new Error(`${file}:${at + 1} belongs to no block`);
      blocks.push(withJson(before, JSON.parse(text) as Record<string, unknown>));
    } else {
      blocks.push({
        file,
        line: at + 1,
        language,
        text,
        variables: null,
        answer: null,
        ...how,
      });
    }
    at = end;
  }
  return blocks;
}

function withJson(block: Block, json: Readonly<Record<string, unknown>>): Block {
  const isAnswer = 'data' in json || 'errors' in json;
  const before = isAnswer ? block.answer : block.variables;
  if (before !== null) throw new Error(`${block.file}:${block.line} has two of a kind`);
  return isAnswer ? { ...block, answer: json } : { ...block, variables: json };
}

function said(line: string | undefined): Pick<Block, 'as' | 'given' | 'part' | 'from' | 'notRun'> {
  const [, kind, rest = ''] = COMMENT.exec(line ?? '') ?? [];
  if (kind === 'not run') return { as: '', given: {}, part: null, from: null, notRun: rest };
  const pairs = kind === undefined ? [] : rest.split(' ').map((pair) => pair.split('='));
  const { as = 'user', part = null, with: from = null, ...given } = Object.fromEntries(pairs) as Record<string, string>;
  return { as, given, part, from, notRun: null };
}

/** The operations of a block, which shows several where they belong together: each begins at the start of a line. */
export function operationsIn(text: string): string[] {
  return text.split(/\n(?=(?:query|mutation|subscription)\b|\{)/);
}

const VOLATILE: readonly [RegExp, string][] = [
  [/^(grt|ent|use|rsv|key|mem|aud)_[\w-]+$/, 'an id of ours'],
  [/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a UUID'],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'an instant'],
  [/^tg_live_[\w-]+…?$/, 'a key'],
  [/^https?:\/\//, 'an address'],
];

/** The value with what differs from run to run named by its kind alone, so that the shape of two answers can be compared. */
export function shapeOf(value: unknown): unknown {
  if (typeof value === 'string') return VOLATILE.find(([pattern]) => pattern.test(value))?.[1] ?? value;
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]));
}
